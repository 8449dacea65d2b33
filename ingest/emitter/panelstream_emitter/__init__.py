"""Sends a platform's usage events to panelstream, and never gets in the platform's way."""

from panelstream_emitter.emitter import Emitter
from panelstream_emitter.recorder import Recorder
from panelstream_emitter.trouble import InvalidEvent, Misconfigured, Trouble

__all__ = ["Emitter", "InvalidEvent", "Misconfigured", "Recorder", "Trouble"]
