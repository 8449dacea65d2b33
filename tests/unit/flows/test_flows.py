"""What every Prefect flow of `panelstream flows run` has in common."""

import inspect
import re

import pytest
import typer
from prefect import Flow
from typer.core import TyperGroup

from panelstream.flows import cli
from panelstream.flows.scheduled.registry import FLOWS


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_has_the_name_that_runs_it(name: str) -> None:
    """Prefect's pages and the command line call it the same; it takes study and out."""
    flow = FLOWS[name]
    assert isinstance(flow, Flow)
    assert flow.name == name
    parameters = inspect.signature(flow.fn).parameters
    assert list(parameters) == ["study", "out", "strict"]


def test_the_help_names_every_flow() -> None:
    """`panelstream flows run -h` lists the names that it takes, and no others."""
    root = typer.main.get_command(cli.app)
    assert isinstance(root, TyperGroup)
    group = root.commands["flows"]
    assert isinstance(group, TyperGroup)
    [name, *_] = group.commands["run"].params
    text = getattr(name, "help", "")
    listed = re.findall(r"\w+", text.partition(":")[2])
    assert listed == list(FLOWS)
