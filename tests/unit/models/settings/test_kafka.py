"""Settings of Kafka: where they come from, what they may be, what clients are given."""

from pathlib import Path

import pytest

from panelstream.models.errors import Unreachable
from panelstream.models.settings.environment import Values
from panelstream.models.settings.kafka import KafkaSettings, WorkerSettings


def values(**names: str) -> Values:
    """The environment with these settings."""
    environ = {f"PANELSTREAM_{name}": names[name] for name in names}
    return Values(environ, {"PANELSTREAM_KAFKA_GROUP": "g"}, Path("s/.env"))


def test_defaults() -> None:
    """Without any setting: this machine, no password."""
    settings = KafkaSettings.from_values(values())
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
    assert WorkerSettings.from_values(values()).host == "127.0.0.1"


def test_user_and_password(tmp_path: Path) -> None:
    """The password comes from its file; the same is given to every client."""
    (tmp_path / "password").write_text("secret\n")
    connection = KafkaSettings.from_values(
        values(
            KAFKA="a:1, b:2",
            KAFKA_SECURITY_PROTOCOL="SASL_SSL",
            KAFKA_SASL_MECHANISM="SCRAM-SHA-512",
            KAFKA_SASL_USERNAME="ann",
            KAFKA_SASL_PASSWORD_FILE=str(tmp_path / "password"),
        )
    ).connection()
    assert connection.pop("ssl_context").check_hostname
    assert connection == {
        "bootstrap_servers": ["a:1", "b:2"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "ann",
        "sasl_plain_password": "secret",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAFKA", "kafka://a:1"),
        ("KAFKA", "a"),
        ("KAFKA_TOPIC", "a b"),
        ("KAFKA_PARTITIONS", "0"),
        ("KAFKA_SECURITY_PROTOCOL", "TLS"),
        ("KAFKA_SECURITY_PROTOCOL", "SASL_SSL"),
        ("WORKER_ADDRESS", "6066"),
        ("WORKER_MAX_AGE", "0"),
    ],
)
def test_wrong(name: str, value: str) -> None:
    """A wrong value is named with the place where it was set."""
    wrong = values(**{name: value})
    read = WorkerSettings if name.startswith("WORKER") else KafkaSettings
    with pytest.raises(Unreachable, match=r"PANELSTREAM_.* may be: ") as told:
        read.from_values(wrong)
    assert value not in str(told.value).split(" may be: ")[0]


def test_password_file_missing() -> None:
    """The file is named, with its setting."""
    settings = KafkaSettings.from_values(
        values(
            KAFKA_SECURITY_PROTOCOL="SASL_PLAINTEXT",
            KAFKA_SASL_USERNAME="ann",
            KAFKA_SASL_PASSWORD_FILE="none",
        )
    )
    with pytest.raises(Unreachable, match="SASL_PASSWORD_FILE: none cannot be read"):
        settings.connection()
