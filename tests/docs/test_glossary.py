"""The glossary: in order, and in two languages."""

import re

from tests.docs import documents

ROWS = re.findall(
    r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$",
    documents.read("docs/reference/glossary.md"),
    re.MULTILINE,
)[1:]


def test_terms_are_alphabetical() -> None:
    """A term is where a reader looks for it, once."""
    terms = [re.sub(r"[*]", "", term).casefold() for term, _, _ in ROWS]
    assert len(terms) > 80
    assert terms == sorted(set(terms))


def test_every_term_has_its_japanese() -> None:
    """The second column is in Japanese script: kana or kanji, no word of English."""
    japanese = re.compile(r"[ぁ-んァ-ヶー一-龠々GM()・]+")
    assert [name for _, name, _ in ROWS if not japanese.fullmatch(name)] == []
