"""Frames in, values out: panel, specifications, estimates, disclosure, report."""
