"""The person-wave panel."""
