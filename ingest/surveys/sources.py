"""Which source an export is the state of: a form, or the lineage of a file.

A mapping may name the source. Else the file itself is the evidence: its name and wave,
its bytes, responses that an earlier export had too, or the same columns and people.
Evidence that fits several sources, or that is weak, is asked about and never guessed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from panelstream.ingest.surveys.sheets import Sheet
from panelstream.models.errors import FileError

TOLD_BY_FILE = 0
"""In place of the wave of an import: each row's own."""


@dataclass(frozen=True)
class Source:
    """A source as its newest import left it, and the sheets that it states.

    `wave`: the one that the import named, or `TOLD_BY_FILE`. `files`: hashes of all of
    its files.
    """

    key: str
    name: str
    wave: int
    format: str
    header: str
    files: frozenset[str]
    origin: str
    items: frozenset[str] = frozenset()
    """Columns of items; empty for imports of before, of which it is not known."""
    sheets: Sequence[Sheet] = ()

    @cached_property
    def people(self) -> set[bytes]:
        """All who answered."""
        return {sheet.participant_id for sheet in self.sheets}

    @cached_property
    def instruments(self) -> set[str]:
        """All that was answered."""
        return {sheet.instrument for sheet in self.sheets}


@dataclass(frozen=True)
class ExportState:
    """An export that is to be recognised: as a source, of which it is to be the state.

    `is_named`: a person said which source it is, or that each file is one.
    """

    path: Path
    state: Source
    is_named: bool

    @property
    def file(self) -> str:
        """The hash of the file."""
        [digest] = self.state.files
        return digest


Evidence = Callable[[ExportState, Source], bool]


def find_source(export: ExportState, sources: Sequence[Source]) -> Source | None:
    """The source that an export is the state of; None: it is a new one.

    Raises `FileError` with what to write in the mapping where that is not certain.
    """
    for evidence in _NAMED if export.is_named else _UNNAMED:
        matches = [source for source in sources if evidence(export, source)]
        if len(matches) > 1:
            raise _error(export, f"it may be the state of {_list(matches)}", matches)
        if matches:
            _refuse_strangers(export, matches[0])
            return matches[0]
    similar = [source for source in sources if _has_same_people(export, source)]
    if similar and not export.is_named:
        problem = f"it has the columns and people of {_list(similar)}, and none of the responses"
        raise _error(export, problem, similar)
    return None


def new_key(state: Source, sources: Sequence[Source]) -> str:
    """A key for a source that is new."""
    wave = "all" if state.wave == TOLD_BY_FILE else str(state.wave)
    base, keys = f"{state.name}@{wave}", {source.key for source in sources}
    numbered = (f"{base}#{number}" for number in range(2, len(keys) + 3))
    return base if base not in keys else next(k for k in numbered if k not in keys)


def with_source(sources: Sequence[Source], source: Source) -> list[Source]:
    """The sources with one of them as it will be, or with a new one."""
    return [*(other for other in sources if other.key != source.key), source]


def source_of_row(row: Mapping[str, Any], sheets: Sequence[Sheet]) -> Source:
    """A source from a row of the query `standing_sources`."""
    return Source(
        key=row["source"],
        name=row["name"],
        wave=row["wave"],
        format=row["format"],
        header=row["header"],
        files=frozenset(row["files"]),
        origin=row["origin"],
        items=frozenset(row["items"]),
        sheets=sheets,
    )


def _may_share_waves(export: ExportState, source: Source) -> bool:
    waves = {export.state.wave, source.wave}
    return len(waves) == 1 or TOLD_BY_FILE in waves


def _is_same_file(export: ExportState, source: Source) -> bool:
    """The same bytes; those of forms without a response yet tell nothing."""
    return bool(export.state.sheets) and export.file in source.files


def _has_given_name(export: ExportState, source: Source) -> bool:
    return export.state.name == source.name and _may_share_waves(export, source)


def _has_same_name(export: ExportState, source: Source) -> bool:
    """A file of the same name, unless it is of another questionnaire altogether."""
    return _has_given_name(export, source) and bool(
        export.state.header == source.header
        or (
            export.state.instruments & source.instruments
            and _share_items(export.state, source)
        )
    )


def _has_same_responses(export: ExportState, source: Source) -> bool:
    """A person answered the same questionnaire at the same time, to a second; or most
    responses have the ids, times and answers of the source's, as if of other people.
    """
    if _has_placeholder_time(export.state) or not _may_share_waves(export, source):
        return False
    if export.state.format != source.format or not _share_items(export.state, source):
        return False
    times = {(s.participant_id, s.instrument, s.second) for s in source.sheets}
    ids = {(s.response, s.instrument, s.content) for s in source.sheets if s.response}
    scoped = [sheet.of_source(source.key) for sheet in export.state.sheets]
    same = sum((s.response, s.instrument, s.content) in ids for s in scoped)
    return 2 * same > len(ids) or any(
        (sheet.participant_id, sheet.instrument, sheet.second + off) in times
        for sheet in export.state.sheets
        for off in (-1, 0, 1)
    )


def _share_items(state: Source, source: Source) -> bool:
    """Two halves of a questionnaire are two forms, though people answer them at once."""
    return not state.items or not source.items or bool(state.items & source.items)


def _has_same_content(export: ExportState, source: Source) -> bool:
    """Most of what the source states stands here too, under another wave."""
    if _has_placeholder_time(export.state) or _may_share_waves(export, source):
        return False
    contents = {(sheet.participant_id, sheet.content) for sheet in export.state.sheets}
    same = sum((s.participant_id, s.content) in contents for s in source.sheets)
    return 2 * same > len(source.sheets)


def _has_placeholder_time(state: Source) -> bool:
    """Whether people answered in the same second, so that the times tell nothing."""
    return len(state.people) > 1 and len({s.second for s in state.sheets}) == 1


def _has_same_people(export: ExportState, source: Source) -> bool:
    same_columns = (export.state.format, export.state.header) == (
        source.format,
        source.header,
    )
    shared = len(export.state.people & source.people)
    smaller = min(len(export.state.people), len(source.people))
    enough = shared > 0 and 2 * shared >= smaller
    return _may_share_waves(export, source) and same_columns and enough


_NAMED: Sequence[Evidence] = (_has_given_name, _is_same_file)
_UNNAMED: Sequence[Evidence] = (
    _is_same_file,
    _has_same_name,
    _has_same_responses,
    _has_same_content,
)
"""From the strongest evidence to the weakest."""


def _refuse_strangers(export: ExportState, source: Source) -> None:
    """A file of the same name without any of its people is hardly the same form."""
    is_certain = export.is_named or _is_same_file(export, source)
    if is_certain or not source.sheets or not export.state.sheets:
        return
    if not (source.people & export.state.people) and not _has_same_responses(
        export, source
    ):
        problem = (
            f"it has nobody and no response of {_list([source])}, which has its name"
        )
        raise _error(export, problem, [source])


def _error(export: ExportState, problem: str, sources: Sequence[Source]) -> FileError:
    names = " or ".join(f"source: {source.name}" for source in sources)
    remedy = (
        f"write in its mapping {names} if this is a newer export of that form, "
        "source: and a new name if it is another form, or parts: true if each file "
        "is a part of one form"
    )
    return FileError(export.path, "source", f"{problem}; {remedy}")


def _list(sources: Sequence[Source]) -> str:
    return " and ".join(
        f"{source.origin} ({'all waves' if source.wave == TOLD_BY_FILE else f'wave {source.wave}'})"
        for source in sources
    )
