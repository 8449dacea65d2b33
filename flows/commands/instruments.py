"""Instruments: `instruments` lists their items, labels and answers."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from panelstream.flows.commands.app import (
    JsonOption,
    StudyOption,
    app,
    read_settings,
    show,
)

if TYPE_CHECKING:
    from panelstream.models.instruments.instrument import Instrument

WIDTH = 80
"""Columns of the terminal that the tables fit in."""


@app.command()
def instruments(
    name: Annotated[
        str | None, typer.Argument(help="One of them, shown in full.")
    ] = None,
    study: StudyOption = None,
    shipped: Annotated[
        bool, typer.Option("--shipped", help="All that come with panelstream.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the instruments of the study: items with codes, labels and answers, scores.

    Outside a study, those that come with panelstream. Codes are what a mapping names.
    Example: [bold]panelstream instruments phq9[/bold]
    """
    from panelstream.flows import instrument_list

    settings = read_settings(study)
    folder = instrument_list.find_study_folder(settings.study, study is not None)
    folder = None if shipped else folder
    listed = instrument_list.list_instruments(folder)
    if name:
        listed = [instrument_list.select_instrument(listed, name, folder)]
    if as_json:
        show.json([instrument.model_dump(mode="json") for instrument in listed])
        return
    for instrument in listed:
        show_instrument(instrument, name is not None)


def show_instrument(instrument: "Instrument", in_full: bool) -> None:
    """Show an instrument in 80 columns."""
    from panelstream.flows.instrument_list import (
        bilingual,
        detail_lines,
        summary_lines,
    )

    show.folded(f"{instrument.instrument}: {bilingual(instrument.title)}", WIDTH)
    if instrument.items:
        show.out.print(_item_table(instrument), soft_wrap=False)
    details = detail_lines(instrument) if in_full else ()
    for line in (*summary_lines(instrument), *details):
        show.folded(f"  {line}", WIDTH)
    show.say("")


def _item_table(instrument: "Instrument") -> Table:
    """One row an item: code, labels, answers."""
    from panelstream.flows.instrument_list import LANGUAGES, answer_range

    table = Table(box=None, width=WIDTH, padding=(0, 2, 0, 0), show_header=False)
    table.add_column("code", no_wrap=True, min_width=_longest_code(instrument))
    for language in LANGUAGES:
        table.add_column(language, overflow="fold")
    table.add_column("answers", justify="right", overflow="fold")
    for item in instrument.items:
        labels = (item.label.get(language, "") for language in LANGUAGES)
        table.add_row(f"  {item.code}", *labels, answer_range(item))
    return table


def _longest_code(instrument: "Instrument") -> int:
    return 2 + max(len(item.code) for item in instrument.items)
