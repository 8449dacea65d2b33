"""What a DSN of the warehouse says: a path that this process opens, or a server.

`chdb:///absolute/path` embeds the engine; `http://host` is a server, and `https://host`
one that is spoken to in TLS alone, on whatever port. A path is taken as it is written:
nothing in it is decoded, and `#`, `%` and blanks are letters like others.
"""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

EMBEDDED = "chdb://"
MEMORY = "memory"
"""`chdb://memory`: an engine that keeps nothing."""
SERVERS = ("http://", "https://")


def is_embedded(dsn: str) -> bool:
    """Whether the DSN names an engine within this process."""
    return dsn.startswith(EMBEDDED)


def embedded_path(dsn: str) -> Path:
    """The folder of an embedded warehouse."""
    return Path(dsn.removeprefix(EMBEDDED))


def is_on_disk(dsn: str) -> bool:
    """Whether the warehouse is a folder that this process opens."""
    return is_embedded(dsn) and dsn.split("/")[2] != MEMORY


def parse_dsn(text: str) -> str:
    """A DSN as it was set. Raises `ValueError` for one that names no warehouse."""
    if is_embedded(text):
        # From a question mark on the engine reads options.
        is_valid = text != EMBEDDED and "?" not in text
    else:
        is_valid = text.startswith(SERVERS) and _names_server(text)
    if not is_valid:
        raise ValueError
    return text


def server_of(dsn: str) -> str:
    """Host, port and database of a server: what of a DSN may be shown."""
    parts = urlsplit(dsn)
    return parts.netloc.rpartition("@")[2] + parts.path


def _names_server(text: str) -> bool:
    """Raises `ValueError`, too, for a port that is none."""
    parts = urlsplit(text)
    options = parse_qs(parts.query).keys()
    return (
        bool(parts.hostname)
        and parts.port != 0
        and not any(c.isspace() for c in text)
        # What comes after is lost; and the scheme alone says whether TLS is spoken.
        and "#" not in text
        and not options & {"interface", "secure"}
    )


def absolute_dsn(dsn: str, study: Path) -> str:
    """The same with an absolute path; a relative one is relative to the study folder."""
    if not is_on_disk(dsn):
        return dsn
    return f"{EMBEDDED}{(study.resolve() / embedded_path(dsn)).resolve()}"
