"""Catalogues: the closed world of what a platform may send."""

from pathlib import Path

import pytest

from panelstream.models.errors import FileError
from panelstream.models.events import catalogue
from panelstream.models.events.catalogue import Catalogue
from panelstream.models.events.field_kinds import KINDS

GOOD = """\
catalogue: forum
namespace: forum
sources: [forum]
functions: [post, reply]
labels: {post: {en: Posts}}
types:
  forum.posted:
    function: post
    data:
      kind: {kind: one_of, choices: [short, long]}
  forum.left: {}
"""


def find(folder: Path, text: str) -> Catalogue:
    """A study's own catalogue with the text."""
    (folder / "forum.yaml").write_text(text, encoding="utf-8")
    return catalogue.find_catalogue("forum.yaml", folder)


def test_a_catalogue_of_ones_own(tmp_path: Path) -> None:
    """Its types and the study's own events; its sources, and nobody else's."""
    result = find(tmp_path, GOOD)
    assert result.types["forum.posted"].function == "post"
    assert {"study.enrolled", "study.heartbeat", "forum.left"} <= set(result.types)
    assert result.accepted_sources == {"forum"}
    assert result.field_kinds["kind"] is KINDS["one_of"]
    assert (result.label("post"), result.label("reply")) == ("Posts", "reply")
    assert result.label("post", "ja") == "post"


def test_the_shipped_catalogue(tmp_path: Path) -> None:
    """Every function has types that count towards it, and labels in two languages."""
    result = catalogue.find_catalogue("u2plus", tmp_path)
    counted = {value.function for value in result.types.values() if value.function}
    assert counted == set(result.functions)
    for function in result.functions:
        assert set(result.labels[function]) == {"en", "ja"}


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("function: post", "function: psot", 1, "did you mean 'post'?"),
        ("sources:", "source:", 3, "did you mean 'sources'?"),
        ("sources: [forum]", "sources: []", 3, "sources"),
        ("kind: one_of", "kind: oneof", 10, "did you mean 'one_of'?"),
        (", choices: [short, long]", "", 10, "choices go with kind: one_of"),
        ("[short, long]", "['a;b']", 10, "plain words"),
        (
            "forum.left: {}",
            "forum.left: {data: {kind: {kind: slug}}}",
            1,
            "another kind",
        ),
        ("namespace: forum", "namespace: The Forum", 2, "namespace"),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    """Each mistake is answered with file, line, and what would be right."""
    assert GOOD.count(old) == 1
    with pytest.raises(FileError) as caught:
        find(tmp_path, GOOD.replace(old, new))
    assert says in caught.value.problem
    assert (caught.value.path.name, caught.value.place) == ("forum.yaml", str(line))


TAKEN_BACK = """\
  forum.unposted:
    withdraws: forum.posted
    data:
      kind: {kind: one_of, choices: [short]}
"""


def test_what_takes_back(tmp_path: Path) -> None:
    """A type may take back another's act with the same fields."""
    assert find(tmp_path, GOOD + TAKEN_BACK).withdrawals == {
        "forum.unposted": "forum.posted"
    }
    assert catalogue.find_catalogue("u2plus", tmp_path).withdrawals == {
        "u2plus.reaction_withdrawn": "u2plus.reaction_given"
    }


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("withdraws: forum.posted", "withdraws: forum.post", "did you mean"),
        (
            "withdraws: forum.posted",
            "withdraws: forum.left",
            "the fields of forum.left",
        ),
        ("[short]}\n", "[short]}\n      why: {kind: slug}\n", "the fields of"),
        (
            "withdraws: forum.posted",
            "withdraws: forum.posted\n    subject: false",
            "the fields of",
        ),
        (
            "withdraws: forum.posted",
            "withdraws: forum.posted\n    function: post",
            "give it no function",
        ),
        ("withdraws: forum.posted", "withdraws: forum.unposted", "no act itself"),
    ],
)
def test_what_cannot_take_back(tmp_path: Path, old: str, new: str, says: str) -> None:
    """The act must be of a known type with the same fields; the mistake has its line."""
    assert TAKEN_BACK.count(old) == 1
    with pytest.raises(FileError) as caught:
        find(tmp_path, GOOD + TAKEN_BACK.replace(old, new))
    assert says in caught.value.problem
    assert caught.value.place == "13"


@pytest.mark.parametrize("name", ["u2puls", "mine.yaml"])
def test_no_such_catalogue(tmp_path: Path, name: str) -> None:
    """A name that is neither shipped nor a file beside the study is told so."""
    with pytest.raises(FileError, match=r"did you mean 'u2plus'|known: u2plus"):
        catalogue.find_catalogue(name, tmp_path)
