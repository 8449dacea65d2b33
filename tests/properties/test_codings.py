"""Every coding that a message proposes is one that the mapping takes, and reads right."""

import os
import re
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from panelstream.models.errors import FileError
from panelstream.models.instruments.instrument import Instrument, Item
from tests.lib.survey_files import answers, read_columns, read_labelled

usual = settings(
    derandomize=True,
    deadline=None,
    max_examples=int(os.environ.get("PANELSTREAM_EXAMPLES", "60")),
)
ENDS = {"en": ("Never at all", "Always so"), "ja": ("まったくない", "いつもある")}


def instrument(low: int, span: int) -> Instrument:
    """Two items from `low`, whose ends have labels in two languages."""
    texts = [{language: ends[at] for language, ends in ENDS.items()} for at in (0, 1)]
    return Instrument(
        instrument="scale",
        title={"en": "Scale"},
        reference="none",
        licence="none",
        answers={low: texts[0], low + span: texts[1]},
        items=tuple(Item(code=f"s_{n}", low=low, high=low + span) for n in (1, 2)),
    )


def proposals(error: FileError) -> list[str]:
    """The codings of a message."""
    return re.findall(r"\{scale: [^}]*\}", str(error))


@usual
@given(
    low=st.integers(0, 3),
    span=st.integers(1, 9),
    first=st.integers(-12, 12),
    is_turned=st.booleans(),
    languages=st.tuples(st.sampled_from(["en", "ja"]), st.sampled_from(["en", "ja"])),
)
def test_proposal_for_labels_reads_every_label(
    low: int, span: int, first: int, is_turned: bool, languages: tuple[str, str]
) -> None:
    """Whatever codes the ends have, the proposed coding gives each its meaning."""
    scale = instrument(low, span)
    codes = (first + span, first) if is_turned else (first, first + span)
    labels = {
        code: ENDS[lang][at]
        for at, (code, lang) in enumerate(zip(codes, languages, strict=True))
    }
    columns = {"s_1": [float(code) for code in codes]}
    expected = [str(low), str(low + span)]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        try:
            survey = read_labelled(place, columns, {"s_1": labels}, instruments=[scale])
        except FileError as error:
            [coding] = proposals(error)
            survey = read_labelled(
                place, columns, {"s_1": labels}, f"coding: {coding}", [scale]
            )
        else:
            assert codes == (low, low + span)
        assert answers(survey)["s_1"] == expected


@usual
@given(
    low=st.integers(0, 3),
    span=st.integers(1, 9),
    cells=st.lists(st.integers(-12, 12), min_size=1, max_size=6),
)
def test_proposals_for_numbers_are_accepted(
    low: int, span: int, cells: list[int]
) -> None:
    """Numbers alone: each proposal but "the others are mistakes" fits all of them."""
    scale = instrument(low, span)
    columns = {"s_1": [str(cell) for cell in cells]}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        try:
            read_columns(place, columns, instruments=[scale])
        except FileError as error:
            *codings, usual_coding = proposals(error)
            assert len(codings) == 2
            for coding in codings:
                survey = read_columns(
                    place, columns, f"coding: {coding}", instruments=[scale]
                )
                assert all(low <= int(a) <= low + span for a in answers(survey)["s_1"])
            read_columns(place, columns, f"coding: {usual_coding}", instruments=[scale])
