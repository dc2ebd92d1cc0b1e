"""The command line: a verb parses, calls its step, prints, and exits."""
