"""Bytes to rows: decode, pseudonymise, one pipeline, survey responses."""
