"""What holds for every specification, whatever the plan says."""

ALPHA = 0.05
"""The level at which something differs from 0, or is smaller than the smallest effect."""

CONFIDENCE = 0.95
"""Of every confidence interval."""


class NotEstimable(Exception):
    """The panel cannot answer the specification; the message says why, for a note."""
