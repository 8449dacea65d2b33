"""The commands, by noun: each file parses, calls, and shows what came of it."""
