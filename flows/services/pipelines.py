"""The pipeline of a service: opened where the warehouse is now, never by taking it."""

import threading

from panelstream.flows.workspace import open_warehouse
from panelstream.ingest.events.pipeline import Pipeline
from panelstream.ingest.pseudonymise import Pseudonyms, read_keys
from panelstream.models.errors import Unreachable
from panelstream.models.settings.dsn import is_embedded
from panelstream.models.settings.environment import Settings
from panelstream.models.study.folder import StudyFolder
from panelstream.models.timestamps import utc_now
from panelstream.models.warehouse import endpoint

REMEDY = "start 'panelstream warehouse', or give --own-warehouse"


class PipelineOpener:
    """Opens the pipeline into a study's warehouse, wherever that is now.

    An embedded warehouse belongs to the process that opens its path. A service that
    opened it because nobody serves it just now would lock out the process that is to
    serve it; so it opens a path only if `own_warehouse` says so.
    """

    def __init__(
        self, settings: Settings, folder: StudyFolder, own_warehouse: bool
    ) -> None:
        self._settings, self._folder = settings, folder
        self._own_warehouse = own_warehouse
        self._pseudonyms = Pseudonyms(
            read_keys(settings.pseudonym_key_file), folder.catalogue.namespace
        )
        self._is_migrated = threading.Event()

    def __call__(self) -> Pipeline:
        """Open it; the first time the tables are brought up to date.

        Raises `Unreachable` while nothing serves the warehouse, or it does not answer.
        """
        address = self._address()
        if not self._is_migrated.is_set():
            # Without the short time limits of a writer: a migration may take longer.
            open_warehouse(self._settings, self._folder, address)[0].close()
            self._is_migrated.set()
        store, _ = open_warehouse(self._settings, self._folder, address, writing=True)
        study = self._folder.study
        return Pipeline(
            self._folder.catalogue,
            self._pseudonyms,
            store,
            utc_now,
            study.zone,
            study.opened_at,
        )

    def _address(self) -> str:
        settings = self._settings
        address = endpoint.served_dsn(settings.study, settings.warehouse)
        if is_embedded(address) and not self._own_warehouse:
            raise Unreachable(REMEDY)
        return address
