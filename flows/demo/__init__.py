"""The demonstration: a simulated study through the whole path."""
