"""Instruments: items, scales, scoring rules."""
