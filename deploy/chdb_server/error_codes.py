"""ClickHouse's exception codes, and the HTTP status it answers them with.

The table is that of ClickHouse's own HTTP handler (`exceptionCodeToHTTPStatus`),
with the codes by number; every other code is 500.
"""

import traceback
from pathlib import Path

from panelstream.chdb_server.engine import EngineError

SYNTAX_ERROR = 62
BAD_ARGUMENTS = 36
INCORRECT_DATA = 117
UNKNOWN_STORAGE = 56
NOT_IMPLEMENTED = 48
READONLY = 164
QUERY_IS_TOO_LARGE = 229
SESSION_NOT_FOUND = 372
SESSION_IS_LOCKED = 373
SETTING_CONSTRAINT_VIOLATION = 452
ACCESS_DENIED = 497
AUTHENTICATION_FAILED = 516
STD_EXCEPTION = 1001
NAMES = {
    SYNTAX_ERROR: "SYNTAX_ERROR",
    BAD_ARGUMENTS: "BAD_ARGUMENTS",
    INCORRECT_DATA: "INCORRECT_DATA",
    UNKNOWN_STORAGE: "UNKNOWN_STORAGE",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    READONLY: "READONLY",
    QUERY_IS_TOO_LARGE: "QUERY_IS_TOO_LARGE",
    SESSION_NOT_FOUND: "SESSION_NOT_FOUND",
    SESSION_IS_LOCKED: "SESSION_IS_LOCKED",
    SETTING_CONSTRAINT_VIOLATION: "SETTING_CONSTRAINT_VIOLATION",
    ACCESS_DENIED: "ACCESS_DENIED",
    AUTHENTICATION_FAILED: "AUTHENTICATION_FAILED",
    STD_EXCEPTION: "STD_EXCEPTION",
}
"""The codes this front answers by itself."""

_STATUS = {
    400: (
        *(6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123),
        *(167, 168, 223, 321, 376, 427, 441, 675, 676),
    ),
    401: (194,),
    403: (192, 193, 497, 512, 516),
    404: (46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511),
    408: (159,),
    411: (381,),
    413: (229,),
    415: (779,),
    501: (48,),
    503: (76, 209, 439),
}
STATUS = {code: status for status, codes in _STATUS.items() for code in codes}


def status(code: int) -> int:
    """The HTTP status of an exception code."""
    return STATUS.get(code, 500)


def refusal(code: int, text: str) -> EngineError:
    """An answer of this front in the words and shape of the engine's own."""
    return EngineError(code, f"Code: {code}. DB::Exception: {text}. ({NAMES[code]})")


def too_large(limit: int) -> EngineError:
    """The answer to a body beyond the limit."""
    return refusal(
        QUERY_IS_TOO_LARGE, f"The body is longer than {limit} bytes (--max-body)"
    )


def defect(error: Exception) -> EngineError:
    """A defect of this front: where, but not the message, which may quote data."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return refusal(
        STD_EXCEPTION,
        f"A defect of the warehouse process: {type(error).__name__} at "
        f"{Path(place.filename).name}:{place.lineno}",
    )
