"""Events of a platform: their catalogue, their fields, their schema."""
