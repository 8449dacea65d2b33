"""How services write their log."""

from typing import Literal, cast

from panelstream.models.settings.setting import Environment, Setting, choice

LogFormat = Literal["text", "json"]

LOG = Setting(
    name="LOG",
    format=choice("text", "json"),
    default="text",
    meaning="how services write their log: lines of `text`, or of `json`",
    example="json",
    read_by="`worker`, `collector`",
)


def read_log_format(environment: Environment) -> LogFormat:
    """The setting. Raises `SettingError` for another word."""
    return cast(LogFormat, environment.get(LOG))
