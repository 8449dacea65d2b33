"""The warehouse process: ClickHouse's HTTP interface over the embedded engine.

`statements` reads a statement as far as a front must, `admission` decides what a
user may ask, `requests` and `encodings` read what was sent, `answers` and `codes`
shape what goes back, `application` joins them, `process` starts and stops it.
"""
