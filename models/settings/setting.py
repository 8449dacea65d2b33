"""Every setting in one place: the page of settings and `.env.example` are made from it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """A setting as its reader needs it; texts are Markdown, in a cell of a table."""

    name: str
    """Without the prefix."""

    default: str
    """Where it is not set; empty: none."""

    example: str
    """A value that may be set."""

    meaning: str
    read_by: str


_EVERY = "every command"
_KAFKA = (
    "`worker`, `collector`, `topics`, `dead-letters replay`, `demo --through kafka`"
)

SETTINGS = (
    Setting(
        "STUDY",
        "the current folder",
        "study1",
        "the study folder; only in the environment, as `.env` is looked for in it",
        _EVERY,
    ),
    Setting(
        "WAREHOUSE",
        "`warehouse/` in the study folder",
        "http://user:password@localhost:8123/panelstream",
        "where the warehouse is: a clickhouse-connect DSN, `chdb:///absolute/path` or `http(s)://…`",
        _EVERY,
    ),
    Setting(
        "CLUSTER",
        "",
        "study",
        "name of the ClickHouse cluster that the server belongs to, as its configuration calls it: tables are replicated and sharded by participant",
        _EVERY,
    ),
    Setting(
        "PSEUDONYM_KEY_FILE",
        "`pseudonym.key` in the study folder",
        "/secure/place/pseudonym.key",
        "the key chain of the pseudonyms, mode 0600",
        _EVERY,
    ),
    Setting(
        "WAREHOUSE_PORT",
        "a free port",
        "8123",
        "port on loopback where the warehouse is served",
        "`warehouse`",
    ),
    Setting(
        "KAFKA",
        "`localhost:9092`",
        "localhost:9092",
        "brokers: `host:port`, several separated by commas. A collector sends to Kafka only if this is set",
        _KAFKA,
    ),
    Setting(
        "KAFKA_TOPIC",
        "`panelstream.events`",
        "panelstream.events",
        "topic of events; the topic of dead letters has the same name with `.dead`",
        _KAFKA,
    ),
    Setting(
        "KAFKA_GROUP",
        "`panelstream`",
        "panelstream",
        "consumer group, whose workers share the partitions",
        "`worker`",
    ),
    Setting(
        "KAFKA_PARTITIONS",
        "`8`",
        "8",
        "partitions of a new topic: the largest number of workers that can share it",
        "`topics create`",
    ),
    Setting(
        "KAFKA_REPLICATION",
        "`1`",
        "1",
        "copies of a new topic; 3 on a cluster",
        "`topics create`",
    ),
    Setting(
        "KAFKA_RETENTION_DAYS",
        "`30`",
        "30",
        "days for which Kafka keeps the events and dead letters of a new topic, read or not",
        "`topics create`",
    ),
    Setting(
        "KAFKA_SECURITY_PROTOCOL",
        "`PLAINTEXT`",
        "PLAINTEXT",
        "or `SSL`, `SASL_PLAINTEXT`, `SASL_SSL`",
        _KAFKA,
    ),
    Setting(
        "KAFKA_SASL_MECHANISM",
        "`PLAIN`",
        "PLAIN",
        "or `SCRAM-SHA-256`, `SCRAM-SHA-512`",
        _KAFKA,
    ),
    Setting("KAFKA_SASL_USERNAME", "", "panelstream", "user, with `SASL_…`", _KAFKA),
    Setting(
        "KAFKA_SASL_PASSWORD_FILE",
        "",
        "/secure/place/kafka.password",
        "file that holds the password and nothing else, mode 0600",
        _KAFKA,
    ),
    Setting(
        "KAFKA_CA_FILE",
        "those of the system",
        "/secure/place/ca.pem",
        "PEM file of the certificate authorities that the brokers' certificates are checked against, with `…SSL`",
        _KAFKA,
    ),
    Setting(
        "KAFKA_CERTIFICATE_FILE",
        "",
        "/secure/place/panelstream.pem",
        "PEM file of the client's certificate, if the brokers require one",
        _KAFKA,
    ),
    Setting(
        "KAFKA_KEY_FILE",
        "",
        "/secure/place/panelstream.key",
        "PEM file of the certificate's private key",
        _KAFKA,
    ),
    Setting(
        "WORKER_ADDRESS",
        "`127.0.0.1:6066`",
        "127.0.0.1:6066",
        "where a worker shows health and metrics; each worker of a machine needs its own",
        "`worker`",
    ),
    Setting(
        "WORKER_MAX_AGE",
        "`2`",
        "2",
        "seconds after which collected events are written",
        "`worker`",
    ),
    Setting(
        "WORKER_MAX_BYTES",
        "`4194304`",
        "4194304",
        "bytes after which collected events are written, whatever their age",
        "`worker`",
    ),
    Setting(
        "COLLECTOR_ADDRESS",
        "`127.0.0.1:6067`",
        "127.0.0.1:6067",
        "where a collector takes events",
        "`collector`",
    ),
    Setting(
        "COLLECTOR_TOKENS_FILE",
        "`collector.tokens` in the study folder",
        "/secure/place/collector.tokens",
        "hashes of the tokens, mode 0600",
        "`collector`, `tokens`",
    ),
    Setting(
        "COLLECTOR_RATE",
        "`5000`",
        "5000",
        "events a second that one source may send",
        "`collector`",
    ),
)
