"""The one place that wires: a study folder with its key and its warehouse, open."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import panelstream
from panelstream.ingest.events.pipeline import Pipeline
from panelstream.ingest.pseudonymise import Pseudonyms, read_keys
from panelstream.models.errors import FileError
from panelstream.models.settings.dsn import embedded_path, is_on_disk
from panelstream.models.settings.environment import Settings
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.load import STUDY_FILE, load_study
from panelstream.models.timestamps import Clock, utc_now
from panelstream.models.warehouse import endpoint, identity, store, views
from panelstream.models.warehouse.damage import refuse_damaged
from panelstream.models.warehouse.definitions import apply_migrations, create_views
from panelstream.models.warehouse.identity import Identity, Places
from panelstream.models.warehouse.store import Store


@dataclass(frozen=True)
class Workspace:
    """What commands and flows work on; `migrated` is what opening it applied."""

    folder: StudyFolder
    store: Store
    key_file: Path
    clock: Clock
    migrated: Sequence[str] = ()

    @property
    def pseudonyms(self) -> Pseudonyms:
        """The study's pseudonyms; reads the key file only where people are named."""
        return Pseudonyms(read_keys(self.key_file), self.folder.catalogue.namespace)

    @property
    def pipeline(self) -> Pipeline:
        """The path of the platform's events into this warehouse."""
        study = self.folder.study
        return Pipeline(
            self.folder.catalogue,
            self.pseudonyms,
            self.store,
            self.clock,
            study.zone,
            study.opened_at,
        )


@contextmanager
def open_workspace(
    settings: Settings, clock: Clock = utc_now, adopt: bool = False
) -> Iterator[Workspace]:
    """Open the study and its warehouse; the tables and views are brought up to date.

    `adopt`: the warehouse takes over the name and the zone of the study. Raises
    `FileError` where a file is wrong or the warehouse is another study's,
    `Unreachable` where it cannot be opened.
    """
    folder = load_study(settings.study)
    address = endpoint.served_dsn(settings.study, settings.warehouse)
    warehouse, migrated = open_warehouse(settings, folder, address, clock, adopt=adopt)
    try:
        key_file = settings.pseudonym_key_file
        yield Workspace(folder, warehouse, key_file, clock, migrated)
    finally:
        warehouse.close()


def open_warehouse(
    settings: Settings,
    folder: StudyFolder,
    address: str,
    clock: Clock = utc_now,
    writing: bool = False,
    adopt: bool = False,
) -> tuple[Store, Sequence[str]]:
    """Open the study's warehouse at `address`; returns the migrations applied now, too.

    `writing`: a server must answer soon. Raises `FileError` where the warehouse is
    another study's, `Unreachable` where it cannot be opened.
    """
    warehouse = store.open_store(
        address, clock, writing, settings.warehouse_setting, settings.cluster
    )
    try:
        if is_on_disk(settings.warehouse):
            refuse_damaged(warehouse, embedded_path(settings.warehouse))
        warehouse.correct_clocks(folder.catalogue.clocks)
        statements = views.view_statements(folder)
        migrated = apply_migrations(warehouse)
        compare = identity.adopt_warehouse if adopt else identity.claim_warehouse
        compare(
            warehouse,
            identity_of(settings, folder),
            _places(settings),
            panelstream.__version__,
        )
        create_views(warehouse, statements)
    except BaseException:
        warehouse.close()
        raise
    return warehouse, migrated


def warehouse_has_people(settings: Settings) -> bool:
    """Whether anything about anybody is stored; nothing is created or changed.

    Raises `Unreachable` where that cannot be looked up.
    """
    address = endpoint.served_dsn(settings.study, settings.warehouse)
    if is_on_disk(address) and not embedded_path(address).exists():
        return False
    warehouse = store.open_store(
        address, setting=settings.warehouse_setting, cluster=settings.cluster
    )
    try:
        return identity.has_people(warehouse)
    finally:
        warehouse.close()


def identity_of(settings: Settings, folder: StudyFolder) -> Identity:
    """The study that opens a warehouse; without keys where the file cannot be read.

    A command that needs the keys says so itself.
    """
    try:
        keys = read_keys(settings.pseudonym_key_file)
    except (FileError, OSError):
        keys = ()
    study = folder.study
    fingerprints = tuple(map(identity.fingerprint, keys))
    return Identity(
        study.study, folder.catalogue.namespace, study.timezone, fingerprints
    )


def _places(settings: Settings) -> Places:
    return Places(
        settings.study / STUDY_FILE,
        settings.pseudonym_key_file,
        settings.warehouse_setting,
    )
