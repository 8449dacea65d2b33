"""The chances of a plan, by simulating and judging studies of it."""
