"""Bytes of a text file to text: UTF-8, UTF-16, Windows Japanese or Windows-1252.

Bytes that make sense in two encodings mean two different texts: then the mapping has
to say which one it is. Nothing is guessed.
"""

import codecs
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from panelstream.models.errors import FileError

_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_JAPANESE = "\u3000-\u30ff\u4e00-\u9fff\uff01-\uff60"
_HALF_WIDTH = "\uff61-\uff9f"
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fc]")
_JAPANESE_TEXT = re.compile(
    f"[{_JAPANESE}]{{2}}|[{_HALF_WIDTH}]|(?<![A-Za-z0-9])[{_JAPANESE}](?![A-Za-z0-9])"
)
_IMPROBABLE = re.compile("[A-Za-z][\u4e00-\u9fff][A-Za-z]|[\ue000-\uf8ff]")
"""In Japanese: a kanji within a Latin word, or a character of private use."""
_WESTERN = (
    "äöüßÄÖÜéèêëÉÈÊËàâáãåÀÂÁÃÅçÇîïíìÎÏÍôóòõøÔÓÒÕØûùúÛÙÚñÑæÆœŒ"
    "‘’“”„–—…€£§°«»¿¡®©™ºª´·\xa0"
)
_NOT_WESTERN = re.compile(rf"[^\x00-\x7f{_WESTERN}]|[à-ÿÀ-ß]{{3}}")
_USUAL_LETTERS = re.compile("[äöüßéèàçñ]")
_NAMES: Mapping[str, str] = {"cp932": "Windows Japanese", "cp1252": "Windows-1252"}
_DECLARED: Mapping[str, str] = {
    "cp932": "windows-31j",
    "cp1252": "windows-1252",
    "euc_jp": "euc-jp",
    "mac_roman": "mac-roman",
}
"""How a mapping names them."""


def decode_text(path: Path, content: bytes, declared: str | None) -> tuple[str, str]:
    """The text of a file and the name of its encoding.

    Raises `FileError` where bytes are in no known encoding, not in the declared one,
    or where several are possible.
    """
    if declared:
        return _declared(path, content, declared)
    if content.startswith(_UTF16_BOMS):
        return _utf16(path, content)
    if b"\x00" in content:
        remedy = f"save it as UTF-8, or write encoding: {_byte_order(content)} in the mapping"
        raise FileError(path, "", f"UTF-16 without a byte order mark; {remedy}")
    bare = content.removeprefix(_UTF8_BOM)
    try:
        text = bare.decode("utf-8")
    except UnicodeDecodeError:
        return _by_line(path, bare.split(b"\n"))
    return text, "UTF-8" if bare == content else "UTF-8 with BOM"


def known_encoding(name: str) -> str:
    """The name, if it is of an encoding of text; else `ValueError`."""
    try:
        codec = codecs.lookup(name)
        "".encode(name)
    except LookupError:
        raise ValueError(
            f"'{name}' is no encoding; write one like utf-8, windows-1252 or windows-31j"
        ) from None
    # Files that call themselves Shift_JIS hold the characters of Windows too.
    return "cp932" if codec.name == "shift_jis" else codec.name


def _declared(path: Path, content: bytes, encoding: str) -> tuple[str, str]:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = "not in the encoding that the mapping declares"
        raise FileError(path, f"line {line}", problem) from None
    return text.removeprefix("\ufeff"), _NAMES.get(encoding, encoding.upper())


def _utf16(path: Path, content: bytes) -> tuple[str, str]:
    try:
        return content.decode("utf-16"), "UTF-16"
    except UnicodeDecodeError:
        raise FileError(path, "", "damaged UTF-16; save it as UTF-8") from None


def _byte_order(content: bytes) -> str:
    is_little = content[1::2].count(0) > content[0::2].count(0)
    return "utf-16-le" if is_little else "utf-16-be"


def _by_line(path: Path, lines: Sequence[bytes]) -> tuple[str, str]:
    """Files that were put together from two: each line in its own encoding."""
    utf8 = {number: text for number, line in enumerate(lines) if (text := _utf8(line))}
    older = {n: line for n, line in enumerate(lines) if n not in utf8 and line}
    encoding = _older_encoding(path, older)
    texts = [
        utf8.get(number) or _decoded(line, encoding) or ""
        for number, line in enumerate(lines)
    ]
    name = _NAMES[encoding]
    if any(not text.isascii() for text in utf8.values()):
        name = f"UTF-8, {len(older)} lines of it in {name}"
    return "\n".join(texts), name


def _utf8(line: bytes) -> str | None:
    """A line that can be nothing else.

    Two half-width katakana in Windows Japanese can be one letter of another script.
    """
    text = _decoded(line, "utf-8")
    is_japanese = text is not None and re.search(f"[{_JAPANESE}{_HALF_WIDTH}]", text)
    return text if line.isascii() or is_japanese else None


def _older_encoding(path: Path, lines: Mapping[int, bytes]) -> str:
    """The only encoding in which these lines make sense."""
    content = b"\n".join(lines.values())
    checks = {"cp932": _is_japanese, "cp1252": _is_western}
    likely = _likely(content, checks)
    if len(likely) == 1:
        return likely[0]
    likely = likely or _likely(content, {"euc_jp": _is_japanese, "mac_roman": _is_mac})
    undecodable = [
        number
        for number, line in lines.items()
        if all(_decoded(line, encoding) is None for encoding in checks)
    ]
    if not likely and undecodable:
        problem = (
            "neither UTF-8 nor Windows Japanese nor Windows-1252; save it as UTF-8"
        )
        raise FileError(path, f"line {undecodable[0] + 1}", problem)
    names = " or ".join(f"encoding: {_DECLARED[name]}" for name in likely or checks)
    problem = (
        f"its encoding is unclear; save it as UTF-8, or write {names} in the mapping"
    )
    raise FileError(path, f"line {min(lines) + 1}", problem)


def _likely(content: bytes, checks: Mapping[str, Callable[[str], bool]]) -> list[str]:
    texts = {encoding: _decoded(content, encoding) for encoding in checks}
    return [name for name, text in texts.items() if text and checks[name](text)]


def _is_japanese(text: str) -> bool:
    """Kana and kanji as in words; EUC-JP read as Windows Japanese has no full kana."""
    has_words = _JAPANESE_TEXT.search(text) is not None
    return has_words and not _IMPROBABLE.search(text) and not _is_euc(text)


def _is_euc(text: str) -> bool:
    if _KANA.search(text):
        return False
    other = _decoded(text.encode("cp932", "ignore"), "euc_jp")
    return other is not None and len(_KANA.findall(other)) > 1


def _is_western(text: str) -> bool:
    """Letters of Western European languages, not many of them in a row."""
    return _NOT_WESTERN.search(text) is None


def _is_mac(text: str) -> bool:
    """Several usual letters: in this encoding almost all bytes are letters."""
    return _is_western(text) and len(_USUAL_LETTERS.findall(text)) > 1


def _decoded(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None
