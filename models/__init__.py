"""What the data is: events, instruments, the study file, the warehouse."""
