"""What a pull is made of: the plan, changes, deletions, attached files."""
