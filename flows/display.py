"""The terminal: results go to stdout; progress, notes and errors to stderr."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

if TYPE_CHECKING:
    from panelstream.ingest.events.files import Source

PIPED_WIDTH = 240
"""Columns of a table that no terminal bounds."""


class Display:
    """Prints for people, or JSON for programs; progress goes to stderr.

    `quiet`: neither progress nor notes.
    """

    def __init__(self) -> None:
        self.quiet = False
        self.out = Console(highlight=False, soft_wrap=True, emoji=False)
        if not self.out.is_terminal:
            self.out.width = PIPED_WIDTH
        self.err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

    def say(self, line: str) -> None:
        """One line of result."""
        self.out.print(line, markup=False)

    def folded(self, line: str, width: int) -> None:
        """A line of result, folded between words to a width; wide letters count two."""
        self.out.print(line, markup=False, soft_wrap=False, width=width)

    def note(self, line: str) -> None:
        """One line about what is going on."""
        if not self.quiet:
            self.err.print(line, markup=False)

    def text(self, text: str) -> None:
        """A text as it is."""
        sys.stdout.write(text)

    def error(self, line: str) -> None:
        """One line about what went wrong."""
        self.err.print(f"panelstream: {line}", markup=False, style="red")

    def json(self, value: Any) -> None:
        """A value for programs."""
        sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")

    @contextmanager
    def reading(self) -> Iterator[Callable[["Source", int], None]]:
        """Progress over files by bytes read."""
        with self._progress(BarColumn(), DownloadColumn()) as progress:
            tasks: dict[str, TaskID] = {}

            def advance(source: "Source", done: int) -> None:
                if source.path not in tasks:
                    total = source.size or None
                    tasks[source.path] = progress.add_task(source.name, total=total)
                progress.update(tasks[source.path], completed=done)

            yield advance

    @contextmanager
    def steps(self, what: str) -> Iterator[Callable[[float, int], None]]:
        """Progress over work of so many steps."""
        with self._progress(BarColumn(), MofNCompleteColumn()) as progress:
            task = progress.add_task(what, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """A spinner over work without steps."""
        with self._progress(SpinnerColumn()) as progress:
            progress.add_task(what, total=None)
            yield

    def _progress(self, *columns: ProgressColumn) -> Progress:
        """Progress that a person sees and a log does not."""
        return Progress(
            TextColumn("{task.description}"),
            *columns,
            TimeElapsedColumn(),
            console=self.err,
            transient=True,
            disable=self.quiet or not self.err.is_terminal,
        )
