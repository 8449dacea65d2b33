"""Kafka and a study's warehouse: topics, and the worker between the two."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panelstream.flows.workspace import open_workspace
from panelstream.ingest import dead_letters
from panelstream.ingest.dead_letters import ReplayCounts
from panelstream.ingest.events.pipeline import Pipeline
from panelstream.ingest.pseudonymise import Pseudonyms, read_keys
from panelstream.models.errors import Unreachable
from panelstream.models.settings.environment import Settings, Values
from panelstream.models.settings.kafka import KafkaSettings, WorkerSettings
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.load import load_study
from panelstream.models.timestamps import utc_now
from panelstream.models.warehouse import endpoint, store


@dataclass(frozen=True)
class Streaming:
    """The settings of a study that has to do with Kafka."""

    settings: Settings
    kafka: KafkaSettings
    worker: WorkerSettings


def read_settings(
    path: Path | None, environ: Mapping[str, str] = os.environ
) -> Streaming:
    """Read the environment and the study's `.env`; raises `Unreachable` if wrong."""
    settings = Settings.from_environ(environ, path)
    values = Values.read(environ, settings.study)
    return Streaming(
        settings, KafkaSettings.from_values(values), WorkerSettings.from_values(values)
    )


def work(path: Path | None, limit: bool) -> None:
    """Run a worker until it is told to stop."""
    from panelstream.ingest.kafka import worker

    streaming = read_settings(path)
    settings = streaming.settings
    folder = load_study(settings.study)
    with open_workspace(path):
        pass  # migrated once; from here on the worker opens it as often as it must
    opened = pipelines(settings, folder)
    worker.run(streaming.kafka, streaming.worker, opened, limit)


def pipelines(settings: Settings, folder: StudyFolder) -> Callable[[], Pipeline]:
    """What opens the path into a study's warehouse, found anew each time.

    Raises `Unreachable` when called while the process is gone that served it.
    """
    pseudonyms = Pseudonyms(
        read_keys(settings.pseudonym_key_file), folder.catalogue.namespace
    )
    began_at = endpoint.served_dsn(settings.study, settings.warehouse)

    def open_pipeline() -> Pipeline:
        address = endpoint.served_dsn(settings.study, settings.warehouse)
        if _is_embedded(address) and not _is_embedded(began_at):
            # Taking the path ourselves would lock out the process that is to serve it.
            raise Unreachable("no process serves the warehouse just now")
        opened = store.open_store(
            address,
            utc_now,
            writing=True,
            setting=settings.warehouse_setting,
            cluster=settings.cluster,
        )
        zone = folder.study.zone
        return Pipeline(folder.catalogue, pseudonyms, opened, utc_now, zone)

    return open_pipeline


def _is_embedded(address: str) -> bool:
    return address.startswith("chdb:")


def replay(path: Path | None, reason: str) -> ReplayCounts:
    """Send dead letters down the path again, whether they came by file or by Kafka."""
    kafka = read_settings(path).kafka
    with open_workspace(path) as workspace:
        return dead_letters.replay_dead_letters(
            workspace.store, workspace.pipeline, kafka, reason
        )


def list_dead_letters(path: Path | None, reason: str) -> list[dict[str, Any]]:
    """Dead letters that are not resolved."""
    with open_workspace(path) as workspace:
        return dead_letters.open_dead_letters(workspace.store, reason)
