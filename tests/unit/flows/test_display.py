"""What is shown on a terminal."""

import pytest

from panelstream.flows.display import Display


def test_words_between_colons_are_no_pictures(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A place such as `wave1.csv:wave: …` is shown as it is."""
    display = Display()
    display.say("wave1.csv:wave: which?")
    display.note("wave1.csv:wave: which?")
    shown = capsys.readouterr()
    assert shown.out == "wave1.csv:wave: which?\n"
    assert "wave1.csv:wave: which?" in shown.err
