"""Survey exports to rows of answers: one file a format."""
