"""Planning a study: `power`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from panelstream.flows.commands.app import (
    JsonOption,
    app,
    read_settings,
    show,
)
from panelstream.models.errors import UsageError

if TYPE_CHECKING:
    from panelstream.flows.power import PowerAnalysis

FEWEST, MOST = 10, 20_000


@app.command()
def power(
    study: Annotated[
        Path | None,
        typer.Argument(help="Study folder (default: PANELSTREAM_STUDY, else here)."),
    ] = None,
    people: Annotated[
        str | None,
        typer.Option(help="Numbers of participants, such as 80,120,200,350."),
    ] = None,
    simulations: Annotated[
        int, typer.Option(help="Studies of each number of participants.", min=2)
    ] = 200,
    seed: Annotated[int, typer.Option(help="Of the random numbers.", min=0)] = 1,
    pilot: Annotated[
        Path | None,
        typer.Option(help="Panel to draw people from: .parquet, .csv, .dta, .sav."),
    ] = None,
    person: Annotated[
        str, typer.Option("--person", help="Its column that names the person.")
    ] = "participant_id",
    wave: Annotated[
        str, typer.Option("--wave", help="Its column that numbers the wave.")
    ] = "wave",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for power.csv, power.json, power.svg."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say how likely the plan finds the smallest effects of interest; no data needed.

    Studies are simulated, then fitted and judged as real ones will be.
    Example: [bold]panelstream power study1 --people 80,120,200 --out power[/bold]
    """
    from panelstream.analysis.panel.external import PanelFile
    from panelstream.flows.power import PowerRequest, analyse_power, write_power

    request = PowerRequest(
        _numbers(people),
        simulations,
        seed,
        PanelFile(pilot, person, wave) if pilot else None,
    )
    folder = read_settings(study).study
    with show.steps("Simulating") as progress:
        analysis = analyse_power(folder, request, progress)
    if as_json:
        show.json(analysis.as_dict())
    else:
        show_power(analysis)
    if out:
        show.note(f"figure: {write_power(analysis, out)}")


def show_power(analysis: "PowerAnalysis") -> None:
    """Show what was assumed, a table, and the people needed."""
    for name, value in analysis.assumptions.items():
        show.say(f"{name.replace('_', ' ')}: {_plain(value)}")
    show.out.print(_chance_table(analysis), soft_wrap=False)
    show.say(
        "found: the chance of 'associated' where this effect alone is as large as the "
        "smallest of interest; if all: where all are; none: of 'negligible' where none "
        "is; ±: the Monte Carlo standard error, in points"
    )
    for row in analysis.errors.to_dict("records"):
        show.say(
            f"{row['people']} people: any false 'associated' where nothing is real in "
            f"{row['false']:.1%} (±{100 * row['false_error']:.1f}) of studies"
        )


def _chance_table(analysis: "PowerAnalysis") -> Table:
    """One row a coefficient, one column a number of people, and the people needed."""
    chances = analysis.chances
    people = sorted(set(chances["people"]))
    keys = analysis.needed[["outcome", "exposure", "specification"]]
    names = keys.itertuples(index=False, name=None)
    needed = dict(zip(names, analysis.needed["needed"].tolist(), strict=True))
    table = Table(box=None, pad_edge=False)
    for name in ("outcome", "function", "specification"):
        table.add_column(name)
    for count in people:
        table.add_column(f"{count}: found", justify="right")
        table.add_column("if all", justify="right")
        table.add_column("none", justify="right")
    table.add_column("for 80 %", justify="right")
    for key, rows in chances.groupby(
        ["outcome", "exposure", "specification"], sort=False
    ):
        cells = [
            f"{row[name]:.0%} ±{100 * row[f'{name}_error']:.1f}"
            for _, row in rows.sort_values("people").iterrows()
            for name in ("alone", "together", "negligible")
        ]
        table.add_row(*map(str, key), *cells, _needed(needed[key], people))
    return table


def _needed(number: float, people: list[int]) -> str:
    """The people needed, or on which side of all numbers that were tried."""
    if number != number:
        return f"more than {people[-1]}"
    return f"at most {people[0]}" if number <= people[0] else f"{number:.0f}"


def _plain(value: object) -> str:
    """A value of the assumptions, on one line."""
    if isinstance(value, dict):
        return (
            ", ".join(f"{key} {_plain(entry)}" for key, entry in value.items())
            or "none"
        )
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _numbers(text: str | None) -> tuple[int, ...]:
    """The numbers of `--people`, each once, from the smallest; none if not given."""
    if text is None:
        return ()
    try:
        numbers = sorted({int(part) for part in text.split(",")})
    except ValueError:
        numbers = []
    if not numbers or numbers[0] < FEWEST or numbers[-1] > MOST:
        raise UsageError(
            f"--people {text}: write whole numbers from {FEWEST} to {MOST}, such as "
            "80,120,200"
        )
    return tuple(numbers)
