"""The documentation as a site: every page in the navigation, nothing from elsewhere."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs import documents

PAGES = [
    page.relative_to(documents.PAGES)
    for page in documents.PAGES.rglob("*.md")
    if page.parent.name != "generator"
]
KINDS = {"tutorials", "how-to", "reference", "explanation", "decisions"}
LOADED = re.compile(
    r'<(?:script|img|iframe)[^>]*\ssrc="https?:|<link[^>]*\shref="https?:'
)


class Loader(yaml.SafeLoader):
    """Reads mkdocs.yml, whose tags name functions that this test does not call."""


Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
CONFIG: dict[str, Any] = yaml.load(documents.read("mkdocs.yml"), Loader)


def leaves(node: Any) -> Iterator[str]:
    """The pages of a navigation, in its order."""
    if isinstance(node, str):
        yield node
    else:
        children = node.values() if isinstance(node, dict) else node
        for child in children:
            yield from leaves(child)


def test_navigation_is_the_folder() -> None:
    """Each page of docs/ is in the navigation once, and each entry is a page."""
    assert sorted(leaves(CONFIG["nav"])) == sorted(page.as_posix() for page in PAGES)


def test_pages_lie_under_their_kind() -> None:
    """Beside the home page there is a folder for each kind of page, and none else."""
    assert {page.parent.as_posix() for page in PAGES} == KINDS | {"."}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built where no address can be reached."""
    folder = tmp_path_factory.mktemp("site")
    nowhere = {f"{name}_proxy": "http://127.0.0.1:9" for name in ("http", "https")}
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", folder],
        cwd=documents.ROOT,
        env={**os.environ, **nowhere, "NO_MKDOCS_2_WARNING": "1"},
        check=True,
    )
    return folder


def test_site_loads_nothing_from_elsewhere(site: Path) -> None:
    """No script, style, font or picture of any page comes from another address."""
    pages = list(site.rglob("*.html"))
    assert len(pages) >= len(list(leaves(CONFIG["nav"])))
    for page in pages:
        assert LOADED.findall(page.read_text(encoding="utf-8")) == [], page


def test_search_knows_every_page(site: Path) -> None:
    """The search index, which works without a server, holds each page."""
    index = (site / "search/search_index.js").read_text(encoding="utf-8")
    for page in leaves(CONFIG["nav"]):
        assert f'"location":"{Path(page).with_suffix(".html").as_posix()}"' in index
