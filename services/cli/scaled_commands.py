"""What can be typed for the system on Kafka and PostgreSQL, each part a process of its own."""

import asyncio

import typer

from services.cli.perform import choices_of, end, terminal_output

scaled = typer.Typer()


@scaled.command("migrate")
def migrate(context: typer.Context) -> None:
    """The schemas on PostgreSQL (DATABASE_URL, EVENT_STORE_URL) made and brought forward."""
    from services.cli.migrating import migrate_schemas

    output = terminal_output(as_json=choices_of(context).as_json)
    end(output, lambda: asyncio.run(migrate_schemas(output)))


@scaled.command("topics")
def topics(context: typer.Context) -> None:
    """The topics on Kafka (KAFKA_BOOTSTRAP_SERVERS) made as stated; those there are kept."""
    from services.cli.relaying import show_topics

    output = terminal_output(as_json=choices_of(context).as_json)
    end(output, lambda: asyncio.run(show_topics(output)))
