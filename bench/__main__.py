"""`make bench-ingest`: prints the table of ratios, and a worker's memory."""

from bench.files import measure_files
from bench.streams import measure_streams

if __name__ == "__main__":
    measure_files()
    measure_streams()
