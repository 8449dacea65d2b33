"""Pages that follow from the code: `python -m docs.generator` writes them."""
