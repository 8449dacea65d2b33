"""The worker between Kafka and a study's warehouse."""

from panelstream.flows.services import early_stop, service_log
from panelstream.flows.services.pipelines import PipelineOpener
from panelstream.models.settings.environment import Settings
from panelstream.models.study.load import load_study


def run_worker(settings: Settings, limit: bool, own_warehouse: bool) -> None:
    """Run a worker until it is told to stop.

    `limit`: it stops by itself when nearly everything is no JSON, or in the future.
    `own_warehouse`: it opens an embedded warehouse itself where no process serves it,
    else it waits.
    """
    early_stop.end_well_at_sigterm()
    from panelstream.ingest.kafka import worker

    with service_log.logging_to_stderr(settings.log):
        folder = load_study(settings.study)
        open_pipeline = PipelineOpener(settings, folder, own_warehouse)
        worker.run_worker(settings.kafka, settings.worker, open_pipeline, limit)


def run_letter_agent(settings: Settings) -> None:
    """Keep a table of the dead letters that arrive, until told to stop."""
    early_stop.end_well_at_sigterm()
    from panelstream.ingest.kafka import letter_agent

    with service_log.logging_to_stderr(settings.log):
        letter_agent.run_letter_agent(settings.kafka, settings.worker)
