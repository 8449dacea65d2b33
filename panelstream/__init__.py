"""panelstream: from platform events and survey waves to a longitudinal report."""

__version__ = "0.1.0"
