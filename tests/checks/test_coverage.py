"""`make coverage` measures what is shipped."""

import tomllib

from tests.checks.names import FOLDERS, ROOT


def test_every_folder_is_measured() -> None:
    """By folders, and none of them by a link: coverage knows files by their real place."""
    run = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"][
        "coverage"
    ]
    folders = run["run"]["source_dirs"]
    assert sorted(folders) == sorted([*FOLDERS, "requirements"])
    assert all((ROOT / folder).resolve() == ROOT / folder for folder in folders)
    assert "source" not in run["run"]
