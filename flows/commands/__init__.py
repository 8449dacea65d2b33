"""The commands, by noun: each file parses, calls, and shows the result."""
