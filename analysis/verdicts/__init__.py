"""What the estimates say about the preregistered plan."""
