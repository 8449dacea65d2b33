"""Link files: which platform id belongs to an id of the survey tool.

They are read and never stored; an import keeps a keyed hash of them.
"""

from collections.abc import Mapping
from pathlib import Path

from panelstream.ingest.person_ids import require_sound_ids
from panelstream.ingest.pseudonymise import SEPARATOR, Pseudonyms, normalize_id
from panelstream.ingest.surveys.file_types.export_file import (
    Export,
    read_export_file,
    require_column,
)
from panelstream.models.errors import FileError


def read_links(path: Path) -> dict[str, str]:
    """Read a link file (`survey_id,platform_id`); it is never stored.

    Raises `FileError` for ids that are rounded or empty, or linked to two people.
    """
    export = read_export_file(path)
    survey_ids, platform_ids = (
        _ids(export, name) for name in ("survey_id", "platform_id")
    )
    links: dict[str, str] = {}
    for number, survey_id in survey_ids.items():
        platform_id = platform_ids[number]
        if not survey_id:
            raise FileError(path, f"row {number}, survey_id", "is empty")
        if links.setdefault(survey_id, platform_id) != platform_id:
            problem = "this survey id is linked to two people"
            raise FileError(path, f"row {number}", problem)
    return links


def _ids(export: Export, column: str) -> dict[int, str]:
    """The normalized ids of a column of a link file, by row."""
    place = require_column(export, column, "the link")
    ids = {number: record[place] for number, record in export.rows()}
    require_sound_ids(export.path, column, ids.items())
    return {number: normalize_id(text) for number, text in ids.items()}


def hash_links(links: Mapping[str, str], pseudonyms: Pseudonyms) -> str:
    """A keyed hash, the same for the same links; without the key it tells nobody's id."""
    pairs = (f"{survey}={platform}" for survey, platform in sorted(links.items()))
    return pseudonyms.participant_id(
        "links" + SEPARATOR.decode() + "\n".join(pairs)
    ).hex()
