"""The worker between Kafka and a study's warehouse, and the dead letters of both."""

from collections.abc import Callable
from typing import Any

from panelstream.flows.workspace import open_workspace
from panelstream.ingest import dead_letters
from panelstream.ingest.dead_letters import ReplayCounts
from panelstream.ingest.events.pipeline import Pipeline
from panelstream.ingest.pseudonymise import Pseudonyms, read_keys
from panelstream.models.errors import Unreachable
from panelstream.models.settings.environment import Settings
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.load import load_study
from panelstream.models.timestamps import utc_now
from panelstream.models.warehouse import endpoint, store


def run_worker(settings: Settings, limit: bool) -> None:
    """Run a worker until it is told to stop.

    `limit`: it stops by itself when nearly everything is rejected.
    """
    from panelstream.ingest.kafka import worker

    folder = load_study(settings.study)
    with open_workspace(settings):
        pass  # migrated once; from here on the worker opens it as often as it must
    open_pipeline = pipeline_opener(settings, folder)
    worker.run_worker(settings.kafka, settings.worker, open_pipeline, limit)


def pipeline_opener(settings: Settings, folder: StudyFolder) -> Callable[[], Pipeline]:
    """A function that opens the pipeline into a study's warehouse, wherever that is now.

    It raises `Unreachable` while the process that served the warehouse is gone.
    """
    pseudonyms = Pseudonyms(
        read_keys(settings.pseudonym_key_file), folder.catalogue.namespace
    )
    first_address = endpoint.served_dsn(settings.study, settings.warehouse)

    def open_pipeline() -> Pipeline:
        address = endpoint.served_dsn(settings.study, settings.warehouse)
        if _is_embedded(address) and not _is_embedded(first_address):
            # To open the path here would lock out the process that is to serve it.
            raise Unreachable("no process serves the warehouse now")
        warehouse = store.open_store(
            address,
            utc_now,
            writing=True,
            setting=settings.warehouse_setting,
            cluster=settings.cluster,
        )
        zone = folder.study.zone
        return Pipeline(folder.catalogue, pseudonyms, warehouse, utc_now, zone)

    return open_pipeline


def _is_embedded(address: str) -> bool:
    return address.startswith("chdb:")


def replay_dead_letters(settings: Settings, reason: str) -> ReplayCounts:
    """Process dead letters again, whether they came from a file or from Kafka."""
    with open_workspace(settings) as workspace:
        return dead_letters.replay_dead_letters(
            workspace.store, workspace.pipeline, settings.kafka, reason
        )


def list_dead_letters(settings: Settings, reason: str) -> list[dict[str, Any]]:
    """Dead letters that are not resolved."""
    with open_workspace(settings) as workspace:
        return dead_letters.open_dead_letters(workspace.store, reason)
