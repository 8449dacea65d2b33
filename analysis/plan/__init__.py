"""The plan, as specifications."""
