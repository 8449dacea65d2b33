"""Sends a platform's usage events to panelstream, and never gets in the platform's way."""

from panelstream_emitter.emitter import Emitter
from panelstream_emitter.recorder import Recorder
from panelstream_emitter.trouble import Dropped, InvalidEvent, Misconfigured, Trouble

__version__ = "0.1.0"

__all__ = [
    "Dropped",
    "Emitter",
    "InvalidEvent",
    "Misconfigured",
    "Recorder",
    "Trouble",
]
