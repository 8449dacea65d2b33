"""Simulated studies: `demo simulate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from panelstream.flows.commands.app import (
    OutOption,
    app,
    environ,
    read_settings,
    show,
)
from panelstream.models.errors import UsageError

if TYPE_CHECKING:
    from panelstream.flows.demo.recovery import Summary

ParticipantsOption = Annotated[int, typer.Option(min=20, help="People in the study.")]
WavesOption = Annotated[int, typer.Option(min=2, max=20, help="Questionnaire waves.")]
SeedOption = Annotated[int, typer.Option(help="Same seed, same files.")]


@app.command()
def demo(
    out: OutOption = Path("demo"),
    participants: ParticipantsOption = 350,
    waves: WavesOption = 6,
    seed: SeedOption = 1,
    through: Annotated[
        str, typer.Option(help="How the events come in: files, or kafka.")
    ] = "files",
) -> None:
    """Simulate a study, analyse it, and compare the report with the planted truth.

    Example: [bold]panelstream demo --participants 500 --out demo[/bold]
    """
    from panelstream.flows.demo.demonstration import run_demo
    from panelstream.models.simulation import Simulation

    if through not in ("files", "kafka"):
        raise UsageError(f"--through {through}: expected files or kafka")
    show_demo(
        run_demo(
            read_settings(out),
            Simulation(participants, waves, seed),
            show,
            environ() if through == "kafka" else None,
        )
    )


@app.command()
def simulate(
    out: OutOption,
    participants: ParticipantsOption = 350,
    waves: WavesOption = 6,
    seed: SeedOption = 1,
) -> None:
    """Write the files of a simulated study, with the planted truth in truth.csv.

    Example: [bold]panelstream simulate --out simulated --seed 7[/bold]
    """
    from panelstream.flows.demo.demonstration import simulate_files
    from panelstream.models.simulation import Simulation

    with show.working("Simulating"):
        simulate_files(out, Simulation(participants, waves, seed))
    show.say(f"{out}: study.yaml, roster.csv, events/, responses/, forms/, truth.csv")


def show_demo(summary: "Summary") -> None:
    """Show the planted truth beside the estimates."""
    table = Table(
        title="Planted and estimated: points per active day a week more (within a person)"
    )
    for column in ("outcome", "exposure"):
        table.add_column(column)
    for column in ("planted", "estimate", "95 % interval"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    for row in summary.rows:
        outside = "" if row.low <= row.planted <= row.high else "  (outside)"
        table.add_row(
            row.outcome,
            row.exposure,
            f"{row.planted:.2f}",
            f"{row.estimate:.2f}",
            f"{row.low:.2f} to {row.high:.2f}{outside}",
            row.verdict,
        )
    show.out.print(table)
    show.say(
        f"{summary.covered} of {len(summary.rows)} intervals contain the planted value"
    )
    show.say(f"from files to report in {summary.seconds:.1f} s")
    show.say(f"report: {summary.report}")
