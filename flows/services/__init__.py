"""Processes that run until they are stopped."""
