"""Just enough of ClickHouse's grammar to put a front before the engine.

A server's HTTP handler shares the engine's parser; this one cuts a statement into
the engine's lexemes, to know its verb, its output format, and where the data of an
INSERT begins. What a statement *means* is left to the engine.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LEXEMES = re.compile(
    rb"""
      (?P<space>   \s+ | --[^\n]* | \#[ !][^\n]* | /\*.*?\*/ )
    | (?P<text>    '(?:[^'\\]|\\.|'')*' | \xe2\x80\x98.*?\xe2\x80\x99 )
    | (?P<name>    "(?:[^"\\]|\\.|"")*" | `(?:[^`\\]|\\.|``)*`
                 | \xe2\x80\x9c.*?\xe2\x80\x9d )
    | (?P<heredoc> \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<word>    [A-Za-z_]\w* )
    | (?P<number>  \d[\w.]* )
    | (?P<sign>    . )
    """,
    re.VERBOSE | re.DOTALL,
)
_READING = frozenset(
    [
        "SELECT",
        "WITH",
        "FROM",
        "SHOW",
        "DESCRIBE",
        "DESC",
        "EXISTS",
        "EXPLAIN",
        "CHECK",
        "VALUES",
    ]
)
_ANSWERING = _READING | {"KILL", "WATCH", "BACKUP", "RESTORE"}


@dataclass(frozen=True)
class Lexeme:
    """One lexeme that is not space: its kind, place and text (words in capitals)."""

    kind: str
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Statement:
    """One statement, as far as a front needs to know it.

    `sql` is what precedes the FORMAT of an INSERT, and the whole of anything else;
    `data_at` is where the data of an INSERT begins, None where it has none.
    """

    sql: str
    lexemes: tuple[Lexeme, ...]
    form: str | None = None
    form_at: int | None = None
    data_at: int | None = None

    @property
    def bare(self) -> str:
        """The statement without its FORMAT, as EXPLAIN takes it."""
        if self.form_at is None:
            return self.sql.rstrip("; \n")
        return _text(self.sql.encode("utf-8", "surrogateescape")[: self.form_at])

    @property
    def parts(self) -> tuple[str, str]:
        """What precedes the SETTINGS of an INSERT, and what follows up to the FORMAT."""
        source = self.sql.encode("utf-8", "surrogateescape")
        ends = (one.start for one in self.lexemes if one.text == "SETTINGS")
        cut = next(ends, len(source))
        return _text(source[:cut]), _text(source[cut:])

    @property
    def verb(self) -> str:
        """First word, in capitals; empty where there is none."""
        return next((one.text for one in self.lexemes if one.kind == "word"), "")

    @property
    def reads(self) -> bool:
        """Whether it begins as a statement that changes nothing."""
        return self.verb in _READING

    @property
    def answers(self) -> bool:
        """Whether it has a result, even an empty one."""
        return self.verb in _ANSWERING

    @property
    def words(self) -> tuple[str, ...]:
        """Words and signs outside of names and texts, in capitals."""
        return tuple(one.text for one in self.lexemes if one.kind in ("word", "sign"))

    def has(self, *words: str) -> bool:
        """Whether `words` follow one another."""
        size = len(words)
        starts = range(len(self.words) - size + 1)
        return any(self.words[at : at + size] == words for at in starts)


def read(source: bytes) -> Statement:
    """Read the statement at the beginning of `source`, which data may follow."""
    seen: list[Lexeme] = []
    depth = 0
    for one in lexemes(source):
        seen.append(one)
        depth += (one.text == "(") - (one.text == ")")
        if depth == 0 and seen[0].text == "INSERT" and _data_follows(seen):
            return _insert(source, seen)
    return _other(source, seen)


def several(statement: Statement) -> bool:
    """Whether something follows the semicolon that ends the statement."""
    signs = [one.text == ";" for one in statement.lexemes]
    return True in signs and not all(signs[signs.index(True) :])


def lexemes(source: bytes) -> Iterator[Lexeme]:
    """The lexemes of `source` but for space and comments."""
    for match in _LEXEMES.finditer(source):
        kind = match.lastgroup or "sign"
        if kind == "tag":
            kind = "heredoc"
        if kind != "space":
            text = match[0].decode("utf-8", "replace")
            word = text.upper() if kind == "word" else text
            yield Lexeme(kind, match.start(), match.end(), word)


def _data_follows(seen: list[Lexeme]) -> bool:
    """Whether the last lexemes of an INSERT say that its data comes next."""
    last, before = seen[-1], seen[-2] if len(seen) > 1 else seen[-1]
    named = before.text == "FORMAT" and last.kind == "word" and len(seen) > 3
    return named or (last.text == "VALUES" and len(seen) > 2)


def _insert(source: bytes, seen: list[Lexeme]) -> Statement:
    last = seen[-1]
    if last.text == "VALUES":
        cut, form, data_at = last.start, "Values", last.end
    else:
        cut, form = seen[-2].start, source[last.start : last.end].decode()
        data_at = _after_space(source, last.end)
    return Statement(_text(source[:cut]), tuple(seen), form, cut, data_at)


def _after_space(source: bytes, at: int) -> int:
    """Data begins after blanks and one line break, as the engine's parser has it."""
    found = re.compile(rb"[ \t\f]*\r?\n?").match(source, at)
    return found.end() if found else at


def _other(source: bytes, seen: list[Lexeme]) -> Statement:
    form_at = next(
        (at for at in range(len(seen) - 1, 0, -1) if _ends_with_form(seen, at)), None
    )
    if form_at is None:
        return Statement(_text(source), tuple(seen))
    name = seen[form_at + 1]
    form = source[name.start : name.end].decode()
    return Statement(_text(source), tuple(seen), form, seen[form_at].start)


def _ends_with_form(seen: list[Lexeme], at: int) -> bool:
    """Whether `seen[at:]` is a FORMAT clause, with nothing but SETTINGS after it."""
    if seen[at].text != "FORMAT" or len(seen) < at + 2 or seen[at + 1].kind != "word":
        return False
    return len(seen) == at + 2 or seen[at + 2].text in ("SETTINGS", ";")


def _text(source: bytes) -> str:
    return source.decode("utf-8", "surrogateescape")
