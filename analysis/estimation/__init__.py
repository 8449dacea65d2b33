"""From panel and specifications to estimates."""
