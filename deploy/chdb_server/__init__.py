"""The warehouse process: ClickHouse's HTTP interface over the embedded engine.

`statements` parses a statement as far as a front must, `admission` decides what a user
may do, `requests` and `encodings` read what was sent, `replies` and `error_codes` shape
what goes back, `engine` runs it, `application` joins them. It knows nothing of studies:
it imports nothing of panelstream but itself.
"""
