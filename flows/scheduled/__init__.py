"""Prefect flows, and the schedule that serves them."""
