"""Media types: which content is JSON that can be read (RFC 9110, section 8.3)."""

import re

_JSON = re.compile(r"application/([a-z0-9.+-]+\+)?json")
_CHARSET = re.compile(r'charset\s*=\s*"?([^";\s]*)', re.IGNORECASE)


def parse_media_type(text: str) -> tuple[str, str]:
    """The media type and the charset, in lower case; either may be empty."""
    media, _, parameters = text.partition(";")
    charset = _CHARSET.search(parameters)
    return media.rstrip(" \t").lower(), charset[1].lower() if charset else ""


def is_json_media_type(text: str) -> bool:
    """Whether it says JSON in UTF-8, the only encoding that JSON has on the wire."""
    media, charset = parse_media_type(text)
    return _JSON.fullmatch(media) is not None and charset in ("", "utf-8")
