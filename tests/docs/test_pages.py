"""Every page: links lead somewhere, and the pictures stand by themselves."""

import re
from pathlib import Path

import pytest

from tests.docs import documents

PAGES = list(documents.pages())
IDS = [str(page.relative_to(documents.ROOT)) for page in PAGES]
RECIPES = documents.read("docs/how-to/where-new-code-goes.md")


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link names a file that exists, and a heading that it has."""
    for target in documents.links(page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            name, _, anchor = target.partition("#")
            file = (page.parent / name) if name else page
            assert file.exists(), target
            if anchor:
                assert anchor in documents.anchors(file.read_text("utf-8")), target


def test_every_page_can_be_reached() -> None:
    """Following links from the README leads to every page of docs/ and deploy/."""
    reached: set[Path] = set()
    ahead = [documents.ROOT / "README.md"]
    while ahead:
        page = ahead.pop().resolve()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            for target in documents.links(page.read_text(encoding="utf-8")):
                if "://" not in target:
                    ahead.append(page.parent / target.partition("#")[0])
    there = {entry for entry in PAGES if entry.is_relative_to(documents.PAGES)}
    inside = {
        entry for entry in there if entry.parent.name in ("decisions", "generator")
    }
    assert there - inside <= reached
    assert documents.ROOT / "deploy/README.md" in reached


def test_recipes_name_files_that_exist() -> None:
    """A path in "where new code goes" exists, or has a place for a name."""
    paths = re.findall(
        r"`((?:models|ingest|analysis|flows|tests|docs|deploy)/[^`]*)`", RECIPES
    )
    fixed = [path for path in paths if "<" not in path]
    assert len(fixed) > 20
    assert [path for path in fixed if not (documents.ROOT / path).exists()] == []


def test_pictures_need_nothing_else() -> None:
    """A drawing loads no font, style, script or picture, and follows dark mode."""
    for picture in documents.PAGES.rglob("*.svg"):
        text = picture.read_text(encoding="utf-8")
        assert "<script" not in text
        assert re.findall(r"(?:href|url)\W+(?!#|www)\w+://", text) == []
        assert "prefers-color-scheme: dark" in text
        assert "<title" in text
