"""Tables, figures and text of the report, and what may leave."""
