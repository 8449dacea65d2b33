"""Who is enrolled, invited, in which group, and has agreed to what: roster files."""
