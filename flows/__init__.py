"""Wiring: the `panelstream` command and the Prefect flows."""
