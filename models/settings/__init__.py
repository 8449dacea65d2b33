"""Settings: from the environment or `.env`."""
