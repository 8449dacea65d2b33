"""From bytes of events to rows."""
