"""Settings: where they are set, which one wins, and what a wrong value is answered with."""

from pathlib import Path

import pytest

from panelstream.models.errors import FileError, SettingError
from panelstream.models.settings.environment import (
    ENV_FILE_VARIABLES,
    SETTINGS,
    Settings,
)
from panelstream.models.settings.setting import read_env_file

WRONG = {
    "WAREHOUSE": "warehouse",
    "CLUSTER": "a b",
    "WAREHOUSE_PORT": "65536",
    "KAFKA": "kafka://a:1",
    "KAFKA_TOPIC": "a b",
    "KAFKA_GROUP": "a b",
    "KAFKA_PARTITIONS": "abc",
    "KAFKA_REPLICATION": "0",
    "KAFKA_RETENTION_DAYS": "-1",
    "KAFKA_SECURITY_PROTOCOL": "TLS",
    "KAFKA_SASL_MECHANISM": "MAGIC",
    "KAFKA_SASL_USERNAME": "a\tb",
    "KAFKA_KEY_FILE": "key.pem",  # without a certificate
    "COLLECTOR_ADDRESS": "here",
    "COLLECTOR_RATE": "abc",
    "LOG": "xml",
    "WORKER_ADDRESS": "6066",
    "WORKER_MAX_AGE": "0",
    "WORKER_MAX_BYTES": "4 MiB",
}
"""A wrong value of each setting whose text is checked when it is read."""

PATHS = {
    "STUDY",
    "PSEUDONYM_KEY_FILE",
    "KAFKA_SASL_PASSWORD_FILE",
    "KAFKA_CA_FILE",
    "KAFKA_CERTIFICATE_FILE",
    "COLLECTOR_TOKENS_FILE",
}
"""Settings that are paths: a wrong one shows when the file is opened."""


def env_file(folder: Path, *lines: str) -> Path:
    """A .env file."""
    path = folder / ".env"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_defaults(tmp_path: Path) -> None:
    """Without any setting everything lies in the study folder."""
    settings = Settings.from_environ({}, tmp_path)
    assert settings.study == tmp_path
    assert settings.warehouse == f"chdb://{tmp_path.resolve() / 'warehouse'}"
    assert settings.pseudonym_key_file == tmp_path / "pseudonym.key"
    assert settings.collector.tokens_file == tmp_path / "collector.tokens"
    assert not settings.collector.through_kafka


def test_environment_over_file(tmp_path: Path) -> None:
    """The environment wins over .env; what it does not set is read there."""
    env_file(
        tmp_path,
        "# where things are",
        "",
        "PANELSTREAM_WAREHOUSE = 'http://file:8123'",
        "PANELSTREAM_PSEUDONYM_KEY_FILE=/keys/study",
    )
    environ = {"PANELSTREAM_WAREHOUSE": "http://here:8123", "HOME": "/root"}
    settings = Settings.from_environ(environ, tmp_path)
    assert settings.warehouse == "http://here:8123"
    assert settings.pseudonym_key_file == Path("/keys/study")
    assert Settings.from_environ({}, tmp_path).warehouse == "http://file:8123"


def test_option_over_environment(tmp_path: Path) -> None:
    """A command's option says where the study is; else the environment does."""
    environ = {"PANELSTREAM_STUDY": "elsewhere"}
    assert Settings.from_environ(environ, tmp_path).study == tmp_path
    assert Settings.from_environ(environ).study == Path("elsewhere")


def test_a_folder_with_a_blank(tmp_path: Path) -> None:
    """A folder may have any name: its warehouse lies in it."""
    study = tmp_path / "my study"
    settings = Settings.from_environ({}, study)
    assert settings.warehouse == f"chdb://{study.resolve() / 'warehouse'}"


def test_empty_counts_as_not_set(tmp_path: Path) -> None:
    """A name without a value sets nothing, be it in .env or in the environment."""
    env_file(tmp_path, "PANELSTREAM_KAFKA=", 'PANELSTREAM_WAREHOUSE_PORT=""')
    settings = Settings.from_environ({"PANELSTREAM_WAREHOUSE": ""}, tmp_path)
    (tmp_path / ".env").unlink()
    assert settings == Settings.from_environ({}, tmp_path)
    assert not settings.collector.through_kafka


def test_kafka_is_used_where_its_address_is_set(tmp_path: Path) -> None:
    """The collector sends through Kafka even if the address set is the default."""
    environ = {"PANELSTREAM_KAFKA": "localhost:9092"}
    assert Settings.from_environ(environ, tmp_path).collector.through_kafka


@pytest.mark.parametrize(
    "line", ["PANELSTREAM_WAREHUOSE=x", "WAREHOUSE=x", "PANELSTREAM_WAREHOUSE"]
)
def test_wrong_line(tmp_path: Path, line: str) -> None:
    """A line that sets no setting is answered with the names of all."""
    path = env_file(tmp_path, "# first", line)
    with pytest.raises(FileError, match=r"known: .*PANELSTREAM_WAREHOUSE") as caught:
        Settings.from_environ({}, tmp_path)
    assert (caught.value.place, caught.value.path) == ("2", path)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PANELSTREAM_WAREHUOSE", "PANELSTREAM_WAREHOUSE"),
        ("PANELSTREAM_COLLECTOR_ADRESS", "PANELSTREAM_COLLECTOR_ADDRESS"),
        ("panelstream_study", "PANELSTREAM_STUDY"),
        ("PANELSTREAM_ANYTHING", None),
    ],
)
def test_a_misspelt_variable(tmp_path: Path, name: str, meant: str | None) -> None:
    """Named with the nearest right name, in the environment and in .env; no value."""
    with pytest.raises(SettingError) as caught:
        Settings.from_environ({name: "secret"}, tmp_path)
    message = str(caught.value)
    assert caught.value.exit_code == 3
    assert message.startswith(f"{name}: not a setting")
    assert "secret" not in message
    assert (f"(is {meant} meant?)" in message) == (meant is not None)
    env_file(tmp_path, f"{name}=secret")
    with pytest.raises(FileError, match="1: not a setting") as in_file:
        Settings.from_environ({}, tmp_path)
    assert "secret" not in str(in_file.value)


def test_variables_that_are_no_settings(tmp_path: Path) -> None:
    """What Kubernetes sets for a service, and what tests are told, is no mistake."""
    environ = {
        "PANELSTREAM_SERVICE_HOST": "10.0.0.1",
        "PANELSTREAM_COLLECTOR_SERVICE_PORT_HTTP": "6067",
        "PANELSTREAM_PORT": "tcp://10.0.0.1:6067",
        "PANELSTREAM_PORT_6067_TCP_ADDR": "10.0.0.1",
        "PANELSTREAM_EXAMPLES": "500",
        "PANELSTREAM_TRACEBACK": "1",
    }
    assert Settings.from_environ(environ, tmp_path) == Settings.from_environ(
        {}, tmp_path
    )


@pytest.mark.parametrize(
    "dsn",
    [
        "clickhouse://user:secret@host",
        "clickhouses://user:secret@host",
        "ftp://user:secret@host",
        "chdb://",
        "chdb:///a?b",
        "chdb:/a",
        "http://",
        "https:///database",
        "http://user:sec#ret@host",
        "http://user:secret@host:port",
        "https://user:secret@host?interface=http",
        "https://user:secret@host?secure=false",
    ],
)
def test_a_dsn_that_names_no_warehouse(tmp_path: Path, dsn: str) -> None:
    """Refused in one line with the three schemes and the right spelling; no password."""
    with pytest.raises(SettingError) as caught:
        Settings.from_environ({"PANELSTREAM_WAREHOUSE": dsn}, tmp_path)
    message = str(caught.value)
    for scheme in (
        "chdb:///",
        "http://",
        "https://",
        "for clickhouse:// write http://",
    ):
        assert scheme in message
    assert "sec" not in message


@pytest.mark.parametrize(
    ("dsn", "path"),
    [
        ("chdb:///data/a#b", "/data/a#b"),
        ("chdb:///data/a%20b", "/data/a%20b"),
        ("chdb:///data/日本 x/../w", "/data/w"),
        ("chdb://elsewhere/w", "{study}/elsewhere/w"),
        ("chdb://../w", "{parent}/w"),
    ],
)
def test_an_embedded_path(tmp_path: Path, dsn: str, path: str) -> None:
    """Taken as written; a relative one is relative to the study folder."""
    study = tmp_path.resolve() / "s"
    settings = Settings.from_environ({"PANELSTREAM_WAREHOUSE": dsn}, study)
    assert settings.warehouse == "chdb://" + path.format(
        study=study, parent=study.parent
    )


def test_no_file(tmp_path: Path) -> None:
    """A study without .env is as good as one with an empty one."""
    missing = read_env_file(tmp_path / ".env", ENV_FILE_VARIABLES)
    assert missing == {}
    assert read_env_file(env_file(tmp_path), ENV_FILE_VARIABLES) == {}


def test_every_setting_has_a_wrong_value() -> None:
    """A new setting needs a row in WRONG, or in PATHS."""
    assert WRONG.keys() | PATHS == {setting.name for setting in SETTINGS}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_in_the_environment(tmp_path: Path, name: str) -> None:
    """Exit code 3 and one line: the name, what is expected, where; never the value."""
    with pytest.raises(SettingError) as caught:
        Settings.from_environ({f"PANELSTREAM_{name}": WRONG[name]}, tmp_path)
    message = str(caught.value)
    assert caught.value.exit_code == 3
    assert message.startswith(f"PANELSTREAM_{name}: invalid value; expected ")
    assert message.endswith("; check the environment")


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_in_the_file(tmp_path: Path, name: str) -> None:
    """The same, with the file and its line."""
    path = env_file(tmp_path, "# first", f"PANELSTREAM_{name}={WRONG[name]}")
    with pytest.raises(SettingError) as caught:
        Settings.from_environ({}, tmp_path)
    assert caught.value.exit_code == 3
    assert str(caught.value).endswith(f"; check {path} line 2")


def test_a_user_without_a_name(tmp_path: Path) -> None:
    """SASL needs a user: the message says which protocol needs it, and where to set it."""
    environ = {"PANELSTREAM_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}
    with pytest.raises(SettingError) as caught:
        Settings.from_environ(environ, tmp_path)
    assert str(caught.value) == (
        "PANELSTREAM_KAFKA_SASL_USERNAME: not set; expected a name, as SASL_SSL needs "
        f"one; set it in the environment or in {tmp_path / '.env'}"
    )


def test_a_value_is_never_quoted(tmp_path: Path) -> None:
    """A DSN holds a password."""
    environ = {"PANELSTREAM_WAREHOUSE": "htp://user:secret@host"}
    with pytest.raises(SettingError) as caught:
        Settings.from_environ(environ, tmp_path)
    assert "secret" not in str(caught.value)
