"""`panelstream flows serve`: a study's flow on its schedule, until it is stopped."""

import asyncio
import os
import signal
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import prefect
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.server.schemas.schedules import CronSchedule
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.types.entrypoint import EntrypointType

import panelstream
from panelstream.flows.scheduled import prefect_server
from panelstream.flows.scheduled.full_run import study_flow
from panelstream.flows.scheduled.prefect_server import Say
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.study import Study
from panelstream.models.timestamps import utc_now


def serve_flow(folder: StudyFolder, out: Path | None, say: Say) -> None:
    """Run the study's flow on the `schedule` of its file, until SIGTERM or SIGINT.

    `out` is the folder of the results (default: `results` in the study folder).
    Raises `Unreachable` without a server.
    """
    results = out or folder.path / "results"
    _stop_in_order()
    with (
        prefect_server.connect(say) as api,
        temporary_settings({PREFECT_API_URL: api}),
    ):
        say(announcement(folder.study, utc_now()))
        # A paused schedule would not start again with the machine.
        prefect.serve(
            deployment(folder, results),
            pause_on_shutdown=False,
            print_starting_message=False,
            limit=1,
        )
    say("stopped; the schedule continues when it is served again")


def _stop_in_order() -> None:
    """Make Ctrl-C what SIGTERM is, and both an end that stops the server.

    Prefect's runner, once it works, takes SIGTERM over, and ends a run under way in
    order; at SIGINT it would leave it shown as running for ever.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, lambda *_: os.kill(os.getpid(), signal.SIGTERM))


def deployment(folder: StudyFolder, results: Path) -> RunnerDeployment:
    """The flow with its schedule and its folders, under the study's name."""
    name = folder.study.study
    return RunnerDeployment.from_flow(
        study_flow,
        name,
        schedule=Cron(folder.study.schedule.study, timezone=folder.study.timezone),
        parameters={
            "study": str(folder.path.resolve()),
            "out": str(results.resolve()),
            "strict": folder.study.schedule.strict,
        },
        tags=["panelstream", name],
        version=panelstream.__version__,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def announcement(study: Study, now: datetime) -> str:
    """What is served, when it runs, and when next."""
    line = study.schedule.study
    first = next_run(line, study.zone, now)
    return (
        f"serving flow study/{study.study} at '{line}' ({study.timezone}), "
        f"next at {first:%Y-%m-%d %H:%M}; Ctrl-C stops it"
    )


def next_run(line: str, zone: ZoneInfo, now: datetime) -> datetime:
    """The first time from `now` on that a cron line names, by Prefect's scheduler."""
    schedule = CronSchedule(cron=line, timezone=zone.key)
    [moment] = asyncio.run(schedule.get_dates(1, start=now))
    return moment
