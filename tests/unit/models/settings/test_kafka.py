"""Settings of Kafka: what clients receive, and files that cannot be read."""

from pathlib import Path

import pytest

from panelstream.models.errors import SettingError
from panelstream.models.settings.environment import Settings
from panelstream.models.settings.kafka import KafkaSettings


def kafka(folder: Path, **names: str) -> KafkaSettings:
    """The settings of Kafka with these set."""
    environ = {f"PANELSTREAM_{name}": names[name] for name in names}
    return Settings.from_environ(environ, folder).kafka


def test_defaults(tmp_path: Path) -> None:
    """Without any setting: this machine, no password."""
    settings = kafka(tmp_path, KAFKA_GROUP="g")
    assert settings.servers == ("localhost:9092",)
    assert (settings.topic, settings.dead_topic) == (
        "panelstream.events",
        "panelstream.events.dead",
    )
    assert settings.group == "g"
    assert settings.connection() == {
        "bootstrap_servers": ["localhost:9092"],
        "security_protocol": "PLAINTEXT",
        "ssl_context": None,
    }
    assert Settings.from_environ({}, tmp_path).worker.host == "127.0.0.1"


def test_user_and_password(tmp_path: Path) -> None:
    """The password comes from its file; every client receives the same."""
    (tmp_path / "password").write_text("secret\n")
    connection = kafka(
        tmp_path,
        KAFKA="a:1, b:2",
        KAFKA_SECURITY_PROTOCOL="SASL_SSL",
        KAFKA_SASL_MECHANISM="SCRAM-SHA-512",
        KAFKA_SASL_USERNAME="ann",
        KAFKA_SASL_PASSWORD_FILE=str(tmp_path / "password"),
    ).connection()
    assert connection.pop("ssl_context").check_hostname
    assert connection == {
        "bootstrap_servers": ["a:1", "b:2"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "ann",
        "sasl_plain_password": "secret",
    }


def test_password_file_missing(tmp_path: Path) -> None:
    """The file is named, with its setting; it is a mistake of the user, exit code 3."""
    settings = kafka(
        tmp_path,
        KAFKA_SECURITY_PROTOCOL="SASL_PLAINTEXT",
        KAFKA_SASL_USERNAME="ann",
        KAFKA_SASL_PASSWORD_FILE="none",
    )
    with pytest.raises(SettingError, match="SASL_PASSWORD_FILE: none cannot be read"):
        settings.connection()


@pytest.mark.parametrize("name", ["KAFKA_CA_FILE", "KAFKA_CERTIFICATE_FILE"])
def test_certificate_missing(tmp_path: Path, name: str) -> None:
    """A certificate that is not there is named by its setting, with exit code 3."""
    settings = kafka(tmp_path, KAFKA_SECURITY_PROTOCOL="SSL", **{name: "none.pem"})
    with pytest.raises(SettingError, match="PANELSTREAM_KAFKA_CA_FILE") as caught:
        settings.connection()
    assert caught.value.exit_code == 3
