"""Ours: decode, validate, pseudonymise and store a file."""

import sys
import tempfile
from pathlib import Path

from bench.measuring import measured
from panelstream.ingest.events import files
from panelstream.ingest.events.pipeline import Pipeline
from panelstream.ingest.pseudonymise import Pseudonyms
from panelstream.models.events import catalogue
from panelstream.models.timestamps import utc_now
from panelstream.models.warehouse import store
from panelstream.models.warehouse.definitions import apply_migrations

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        warehouse = store.open_store(f"chdb://{folder}/warehouse")
        apply_migrations(warehouse)
        u2plus = catalogue.find_catalogue("u2plus", Path(folder))
        people = Pseudonyms((b"k" * 32,), u2plus.namespace)
        pipeline = Pipeline(u2plus, people, warehouse, utc_now)
        [source] = files.find_event_files([sys.argv[1]])
        with measured():
            for _ in files.ingest_file(source, pipeline):
                pass
        warehouse.close()
