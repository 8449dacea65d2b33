"""All settings of a study, read once from the environment and `.env` by an entry point."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panelstream.models.errors import SettingError
from panelstream.models.settings import collector, kafka
from panelstream.models.settings.collector import CollectorSettings
from panelstream.models.settings.dsn import absolute_dsn, parse_dsn
from panelstream.models.settings.kafka import KafkaSettings, WorkerSettings
from panelstream.models.settings.log import LOG, LogFormat, read_log_format
from panelstream.models.settings.setting import (
    EVERY_COMMAND,
    PATH,
    PORT,
    Environment,
    Format,
    Setting,
    matching,
    refuse_unknown,
)

STUDY = Setting(
    name="STUDY",
    format=PATH,
    default=".",
    meaning="the study folder; only in the environment, as `.env` is looked for in it",
    example="study1",
    read_by=EVERY_COMMAND,
)
WAREHOUSE = Setting(
    name="WAREHOUSE",
    format=Format(
        "chdb:///absolute/path (without '?'), http://host or https://host (for "
        "clickhouse:// write http://, for clickhouses:// https://; in a password write "
        "%23 for #, %2F for /)",
        parse_dsn,
    ),
    default="chdb://{absolute_study}/warehouse",
    meaning="where the warehouse is: `chdb:///absolute/path` (or a path from the study folder), `http://…` for a server, `https://…` for one with TLS, whatever its port",
    example="http://user:password@localhost:8123/panelstream",
    read_by=EVERY_COMMAND,
)
CLUSTER = Setting(
    name="CLUSTER",
    format=matching(r"[A-Za-z0-9._-]*", "letters, digits, '.', '_' and '-'"),
    default="",
    meaning="name of the ClickHouse cluster that the server belongs to, as its configuration calls it: tables are replicated and sharded by participant",
    example="study",
    read_by=EVERY_COMMAND,
)
WAREHOUSE_PORT = Setting(
    name="WAREHOUSE_PORT",
    format=PORT,
    default="0",
    meaning="port on loopback where the warehouse is served; 0: a free port",
    example="8123",
    read_by="`warehouse`",
)
PSEUDONYM_KEY_FILE = Setting(
    name="PSEUDONYM_KEY_FILE",
    format=PATH,
    default="{study}/pseudonym.key",
    meaning="the key chain of the pseudonyms, mode 0600",
    example="/secure/place/pseudonym.key",
    read_by=EVERY_COMMAND,
)

SETTINGS: tuple[Setting[Any], ...] = (
    STUDY,
    WAREHOUSE,
    CLUSTER,
    PSEUDONYM_KEY_FILE,
    WAREHOUSE_PORT,
    LOG,
    *kafka.KAFKA_SETTINGS,
    *kafka.WORKER_SETTINGS,
    *collector.COLLECTOR_SETTINGS,
)
"""Every setting, in the order of the documentation."""

ENV_FILE_VARIABLES = tuple(
    setting.variable for setting in SETTINGS if setting is not STUDY
)
"""What `.env` may set: it lies in the study folder, so it cannot say where that is."""


OTHER_VARIABLES = (
    "PANELSTREAM_TRACEBACK",
    "PANELSTREAM_EXAMPLES",
    "PANELSTREAM_REQUIRE_PARTS",
)
"""No settings of a study: the traceback of a defect, and what the tests are told."""


@dataclass(frozen=True)
class Settings:
    """Where a study, its warehouse and its key are, and the settings of its services.

    `warehouse_setting` says where the DSN was set, for a message.
    """

    study: Path
    warehouse: str
    warehouse_setting: str
    warehouse_port: int
    cluster: str
    pseudonym_key_file: Path
    log: LogFormat
    kafka: KafkaSettings
    worker: WorkerSettings
    collector: CollectorSettings

    @classmethod
    def from_environ(
        cls, environ: Mapping[str, str], study: Path | None = None
    ) -> "Settings":
        """Read every setting.

        `study` (a command's option) wins over the environment, the environment over
        `.env` in the study folder. Raises `SettingError` for a wrong value or a variable
        of ours that is no setting, and `FileError` for a line of `.env` that is not
        NAME=value, or sets no setting.
        """
        refuse_unknown(environ, [STUDY.variable, *ENV_FILE_VARIABLES, *OTHER_VARIABLES])
        folder = study or Path(environ.get(STUDY.variable) or STUDY.default)
        environment = Environment.read(environ, folder, ENV_FILE_VARIABLES)
        if "?" in str(folder.resolve()) and not environment.is_set(WAREHOUSE):
            raise SettingError(
                f"{folder}: the engine cannot open a warehouse under a path with '?'; "
                f"rename the folder, or name another place in {WAREHOUSE.variable}"
            )
        return cls(
            study=folder,
            warehouse=absolute_dsn(environment.get(WAREHOUSE), folder),
            warehouse_setting=environment.where(WAREHOUSE),
            warehouse_port=environment.get(WAREHOUSE_PORT),
            cluster=environment.get(CLUSTER),
            pseudonym_key_file=environment.get(PSEUDONYM_KEY_FILE),
            log=read_log_format(environment),
            kafka=KafkaSettings.from_environment(environment),
            worker=WorkerSettings.from_environment(environment),
            collector=CollectorSettings.from_environment(environment),
        )
