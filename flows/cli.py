"""The entry point of `panelstream`: every command, registered by its import."""

from panelstream.flows.commands import (  # noqa: F401  # an import registers commands
    analysis,
    coverage,
    demo,
    events,
    instruments,
    people,
    power,
    responses,
    services,
    status,
    study,
    warehouse,
)
from panelstream.flows.commands.app import app, run_app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line."""
    run_app(app)


if __name__ == "__main__":
    main()
