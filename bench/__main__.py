"""`make bench`: prints the table of ratios."""

from bench.files import measure_files

if __name__ == "__main__":
    measure_files()
