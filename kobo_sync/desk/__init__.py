"""What people and the service keep beside the data: runs, schedules, accounts, worklist, shares, notices."""
