"""Services: `warehouse worker collector`, and what they need: `tokens topics`."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from panelstream.flows.commands.app import (
    JsonOption,
    StudyOption,
    add_group,
    app,
    read_settings,
    show,
)

if TYPE_CHECKING:
    from panelstream.ingest.collector.tokens import Token
    from panelstream.ingest.kafka.clients import Topic

topic_commands = add_group("topics", "The topics in Kafka.")
token_commands = add_group("tokens", "Tokens of the collector.")


OwnWarehouseOption = Annotated[
    bool,
    typer.Option(
        "--own-warehouse",
        help="Open an embedded warehouse itself where no process serves it, instead of waiting.",
    ),
]


@app.command()
def warehouse(
    study: StudyOption = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port on loopback (default: PANELSTREAM_WAREHOUSE_PORT, else a free one).",
        ),
    ] = None,
    max_memory: Annotated[
        int,
        typer.Option(min=1, help="GiB of memory that one query may take."),
    ] = 4,
    max_body: Annotated[
        int, typer.Option(min=1, help="MiB that one request may send.")
    ] = 1024,
    max_seconds: Annotated[
        int, typer.Option(min=1, help="Seconds that one query may take.")
    ] = 600,
) -> None:
    """Start the warehouse server: it serves the embedded warehouse until it is stopped.

    Example: [bold]panelstream warehouse --study study1[/bold]
    """
    from panelstream.chdb_server.admission import QueryLimits
    from panelstream.flows.services import warehouse_service

    settings = read_settings(study)
    limits = QueryLimits(max_memory << 30, 1 << 30, max_body << 20, max_seconds)
    if port is None:
        port = settings.warehouse_port
    warehouse_service.serve_warehouse(settings, port, limits, show.say)


@app.command()
def worker(
    study: StudyOption = None,
    limit: Annotated[
        bool,
        typer.Option(
            "--limit/--no-limit",
            help="Stop when nearly everything is no JSON, or in the future.",
        ),
    ] = True,
    own_warehouse: OwnWarehouseOption = False,
) -> None:
    """Move events from Kafka to the warehouse until stopped.

    Example: [bold]panelstream worker --study study1[/bold]
    """
    from panelstream.flows.services import worker_service

    worker_service.run_worker(read_settings(study), limit, own_warehouse)


@app.command()
def collector(
    study: StudyOption = None, own_warehouse: OwnWarehouseOption = False
) -> None:
    """Receive events over HTTP, for Kafka or the warehouse, until stopped.

    Example: [bold]panelstream collector --study study1[/bold]
    """
    from panelstream.flows.services import collector_service

    collector_service.run_collector(read_settings(study), own_warehouse, show.say)


@token_commands.command("add")
def tokens_add(
    source: Annotated[str, typer.Argument(help="Source that it may write.")],
    study: StudyOption = None,
) -> None:
    """Make a token for a source, and print it once: only its hash is stored.

    Example: [bold]panelstream tokens add u2plus.web[/bold]
    """
    from panelstream.flows.services import collector_service

    token, secret = collector_service.add_token(read_settings(study), source)
    show.note(f"token {token.token} for {token.source}; it is not shown again:")
    show.say(secret)


@token_commands.command("list")
def tokens_list(study: StudyOption = None, as_json: JsonOption = False) -> None:
    """List the tokens: name, source, day.

    Example: [bold]panelstream tokens list[/bold]
    """
    from panelstream.flows.services import collector_service

    show_tokens(collector_service.list_tokens(read_settings(study)), as_json)


@token_commands.command("revoke")
def tokens_revoke(
    token: Annotated[str, typer.Argument(help="Its name, as 'tokens list' shows it.")],
    study: StudyOption = None,
) -> None:
    """Revoke a token, at once also for a collector that runs.

    Example: [bold]panelstream tokens revoke 3f9a01c2[/bold]
    """
    from panelstream.flows.services import collector_service

    revoked = collector_service.revoke_token(read_settings(study), token)
    show.say(f"token {revoked.token} for {revoked.source} is revoked")


@topic_commands.command("create")
def topics_create(study: StudyOption = None) -> None:
    """Create the topics of events and of dead letters, if they are missing.

    Example: [bold]panelstream topics create[/bold]
    """
    from panelstream.ingest.kafka import clients

    created = clients.create_topics(read_settings(study).kafka)
    show.say(f"created {', '.join(created) or 'nothing, both exist'}")


@topic_commands.command("show")
def topics_show(study: StudyOption = None, as_json: JsonOption = False) -> None:
    """Show the topics as they are: partitions, copies, retention, limits.

    Example: [bold]panelstream topics show[/bold]
    """
    from panelstream.ingest.kafka import clients

    show_topics(clients.describe_topics(read_settings(study).kafka), as_json)


def show_tokens(tokens: Sequence["Token"], as_json: bool) -> None:
    """Show tokens by name; their hashes are not shown."""
    if as_json:
        names = ("token", "source", "made_on")
        show.json([{name: getattr(token, name) for name in names} for token in tokens])
        return
    for token in tokens:
        show.say(f"{token.token}  {token.source}  made on {token.made_on}")
    show.say(f"{len(tokens)} tokens")


def show_topics(topics: Sequence["Topic"], as_json: bool) -> None:
    """Show topics as they are."""
    if as_json:
        show.json([asdict(topic) for topic in topics])
        return
    for topic in topics:
        settings = ", ".join(
            f"{name} {topic.settings[name]}" for name in topic.settings
        )
        show.say(
            f"{topic.name}: partitions {topic.partitions}, copies {topic.replication}, "
            f"{settings}"
        )
