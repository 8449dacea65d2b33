"""The study: its file, windows, consent, coverage, measures."""
