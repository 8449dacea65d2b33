"""Just enough of ClickHouse's grammar to put a front before the engine.

A server's HTTP handler shares the engine's parser; this lexeme cuts a statement into
the engine's lexemes, to know its verb, its output format, and where the data of an
INSERT begins. What a statement *means*, the engine decides.
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
        ends = (lexeme.start for lexeme in self.lexemes if lexeme.text == "SETTINGS")
        cut = next(ends, len(source))
        return _text(source[:cut]), _text(source[cut:])

    @property
    def verb(self) -> str:
        """First word, in capitals; empty where there is none."""
        return next(
            (lexeme.text for lexeme in self.lexemes if lexeme.kind == "word"), ""
        )

    @property
    def reads(self) -> bool:
        """Whether it begins as a statement that changes nothing."""
        return self.verb in _READING

    @property
    def answers(self) -> bool:
        """Whether it has a result, even an empty lexeme."""
        return self.verb in _ANSWERING

    @property
    def words(self) -> tuple[str, ...]:
        """Words and signs outside of names and texts, in capitals."""
        return tuple(
            lexeme.text for lexeme in self.lexemes if lexeme.kind in ("word", "sign")
        )

    def has(self, *words: str) -> bool:
        """Whether `words` follow lexeme another."""
        size = len(words)
        starts = range(len(self.words) - size + 1)
        return any(self.words[at : at + size] == words for at in starts)


def parse_statement(source: bytes) -> Statement:
    """Parse the statement at the beginning of `source`, which data may follow."""
    lexemes: list[Lexeme] = []
    depth = 0
    for lexeme in split_lexemes(source):
        lexemes.append(lexeme)
        depth += (lexeme.text == "(") - (lexeme.text == ")")
        if depth == 0 and lexemes[0].text == "INSERT" and _data_follows(lexemes):
            return _insert(source, lexemes)
    return _other(source, lexemes)


def is_multiple(statement: Statement) -> bool:
    """Whether something follows the semicolon that ends the statement."""
    signs = [lexeme.text == ";" for lexeme in statement.lexemes]
    return True in signs and not all(signs[signs.index(True) :])


def split_lexemes(source: bytes) -> Iterator[Lexeme]:
    """The lexemes of `source` without space and comments."""
    for match in _LEXEMES.finditer(source):
        kind = match.lastgroup or "sign"
        if kind == "tag":
            kind = "heredoc"
        if kind != "space":
            text = match[0].decode("utf-8", "replace")
            word = text.upper() if kind == "word" else text
            yield Lexeme(kind, match.start(), match.end(), word)


def _data_follows(lexemes: list[Lexeme]) -> bool:
    """Whether the last lexemes of an INSERT say that its data comes next."""
    last, previous = lexemes[-1], lexemes[-2] if len(lexemes) > 1 else lexemes[-1]
    named = previous.text == "FORMAT" and last.kind == "word" and len(lexemes) > 3
    return named or (last.text == "VALUES" and len(lexemes) > 2)


def _insert(source: bytes, lexemes: list[Lexeme]) -> Statement:
    last = lexemes[-1]
    if last.text == "VALUES":
        cut, form, data_at = last.start, "Values", last.end
    else:
        cut, form = lexemes[-2].start, source[last.start : last.end].decode()
        data_at = _after_space(source, last.end)
    return Statement(_text(source[:cut]), tuple(lexemes), form, cut, data_at)


def _after_space(source: bytes, at: int) -> int:
    """Data begins after blanks and lexeme line break, as the engine's parser has it."""
    match = re.compile(rb"[ \t\f]*\r?\n?").match(source, at)
    return match.end() if match else at


def _other(source: bytes, lexemes: list[Lexeme]) -> Statement:
    form_at = next(
        (at for at in range(len(lexemes) - 1, 0, -1) if _ends_with_form(lexemes, at)),
        None,
    )
    if form_at is None:
        return Statement(_text(source), tuple(lexemes))
    name = lexemes[form_at + 1]
    form = source[name.start : name.end].decode()
    return Statement(_text(source), tuple(lexemes), form, lexemes[form_at].start)


def _ends_with_form(lexemes: list[Lexeme], at: int) -> bool:
    """Whether `lexemes[at:]` is a FORMAT clause, with nothing but SETTINGS after it."""
    if (
        lexemes[at].text != "FORMAT"
        or len(lexemes) < at + 2
        or lexemes[at + 1].kind != "word"
    ):
        return False
    return len(lexemes) == at + 2 or lexemes[at + 2].text in ("SETTINGS", ";")


def _text(source: bytes) -> str:
    return source.decode("utf-8", "surrogateescape")
