"""TLS and passwords, with a broker that asks for them."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from panelstream.ingest.kafka import clients
from tests.kafka.test_worker import array, events
from tests.lib import parts, streams, studies
from tests.lib.certificates import Authority
from tests.lib.streams import Kafka, Stream

USER, PASSWORD = "worker", "rAB3 x=;"

EXTRA = """
listeners={listeners},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={listeners}
controller.quorum.voters=1@127.0.0.1:{controller}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={authority}
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
"""

TLS = {"SECURITY_PROTOCOL": "SSL", "CA_FILE": "authority"}
PLAIN = {**TLS, "SECURITY_PROTOCOL": "SASL_SSL", "SASL_USERNAME": USER}
SCRAM = {**PLAIN, "SASL_MECHANISM": "SCRAM-SHA-512"}


@dataclass(frozen=True)
class Guarded:
    """A broker with a port for each way to be let in; files of who may come in."""

    kafka: Kafka
    ports: dict[str, int]
    files: dict[str, Path]

    def stream(
        self, folder: Path, topic: str, way: str, settings: dict[str, str]
    ) -> Stream:
        """A study that comes one way; a setting that names one of our files is its path."""
        study = studies.write(folder / "study", studies.BASE)
        own = {f"KAFKA_{one}": settings[one] for one in settings}
        more = {name: str(self.files.get(own[name], own[name])) for name in own}
        at = {"KAFKA": f"127.0.0.1:{self.ports[way]}"}
        env = streams.environment(self.kafka, study, topic, **{**at, **more})
        return Stream(self.kafka, study, topic, env)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """The broker, with certificates of an authority that only these tests know."""
    for program in ("java", "mvn", "openssl"):
        parts.require(program)
    folder = tmp_path_factory.mktemp("guarded")
    authority = Authority.make(folder)
    files = dict(zip(("certificate", "key"), authority.issue("ours"), strict=True))
    files |= {"authority": authority.certificate, "password": folder / "password"}
    files["password"].write_text(f"{PASSWORD}\n")
    ways = ("PLAINTEXT", "SSL", "SASL_SSL")
    ports = {way: streams.free_port() for way in ways}
    extra = folder / "extra.properties"
    extra.write_text(_properties(authority, ports))
    kafka = Kafka(ports["PLAINTEXT"], folder / "kafka", extra)
    kafka.run("start")
    made = Guarded(kafka, ports, files)
    _add_user(made.stream(folder, "none", "PLAINTEXT", {}))
    yield made
    kafka.run("stop")


def _properties(authority: Authority, ports: dict[str, int]) -> str:
    certificate, key = authority.issue("broker")
    keystore = authority.folder / "broker.keystore.pem"
    keystore.write_text(key.read_text() + certificate.read_text())
    return EXTRA.format(
        listeners=",".join(f"{way}://127.0.0.1:{ports[way]}" for way in ports),
        controller=streams.free_port(),
        keystore=keystore,
        authority=authority.certificate,
        user=USER,
        password=PASSWORD,
    )


def _add_user(stream: Stream) -> None:
    user = UserScramCredentialUpsertion(
        USER, ScramMechanism.SCRAM_SHA_512, PASSWORD, iterations=4096
    )
    with clients.admin(stream.settings) as client:
        client.alter_user_scram_credentials([user])


@pytest.mark.parametrize(
    ("topic", "way", "settings"),
    [
        ("tls", "SSL", {**TLS, "CERTIFICATE_FILE": "certificate", "KEY_FILE": "key"}),
        ("plain", "SASL_SSL", {**PLAIN, "SASL_PASSWORD_FILE": "password"}),
        ("scram", "SASL_SSL", {**SCRAM, "SASL_PASSWORD_FILE": "password"}),
    ],
)
def test_every_client_is_let_in(
    guarded: Guarded, tmp_path: Path, topic: str, way: str, settings: dict[str, str]
) -> None:
    """Topics, sender, worker with its dead letters, and replay come through."""
    made = guarded.stream(tmp_path, topic, way, settings)
    assert made.run("topics", "create").returncode == 0
    made.send(array([*events(3), b"7"]))
    made.drain()
    assert made.ids() == ["e0", "e1", "e2"]
    assert made.letters() == [("not_cloudevent", "", 0, 3)]
    output = made.run("dead-letters", "replay").stdout
    assert output == "resolved 0, rejected as before 1, payload not found 0\n"


SHUT_OUT = [
    ("SASL_SSL", {**PLAIN, "SASL_PASSWORD_FILE": "key"}, 5, "the password's file"),
    ("SASL_SSL", {**SCRAM, "SASL_PASSWORD_FILE": "key"}, 5, "the password's file"),
    ("SASL_SSL", {**PLAIN, "SASL_PASSWORD_FILE": "none"}, 3, "_SASL_PASSWORD_FILE"),
    ("SASL_SSL", {**SCRAM, "CA_FILE": ""}, 5, "PANELSTREAM_KAFKA_CA_FILE"),
    ("SSL", {**TLS, "CA_FILE": "password"}, 3, "PANELSTREAM_KAFKA_CA_FILE"),
    ("SSL", TLS, 5, "_CERTIFICATE_FILE"),
    ("SSL", {}, 5, "PANELSTREAM_KAFKA_SECURITY_PROTOCOL"),
]
"""A wrong password, none; an unknown authority, none; no certificate; no TLS at all."""


def test_who_is_not_let_in(guarded: Guarded, tmp_path: Path) -> None:
    """One line, without the password; exit code 3 for a file that is wrong, else 5."""

    def attempt(number: int, *words: str) -> "subprocess.CompletedProcess[str]":
        folder = tmp_path / f"{number}{words[0]}"
        way, settings, _, _ = SHUT_OUT[number]
        return guarded.stream(folder, "shut", way, settings).run(*words)

    cases: list[tuple[int, *tuple[str, ...]]] = [
        (n, "topics", "create") for n in range(len(SHUT_OUT))
    ]
    cases += [(n, "worker") for n in (0, 3)]
    with ThreadPoolExecutor(len(cases)) as pool:  # most of the time they wait
        done = list(pool.map(lambda case: attempt(*case), cases))
    for (number, *_), ran in zip(cases, done, strict=True):
        _, _, code, message = SHUT_OUT[number]
        assert (ran.returncode, ran.stderr.count("\n")) == (code, 1), ran.stderr
        assert message in ran.stderr
        assert PASSWORD not in ran.stderr
