"""The warehouse: its schema and SQL, what is stored, counted and derived there."""
