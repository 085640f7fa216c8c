"""`pulsetrail migrate`: the schemas on PostgreSQL made and brought forward."""

from pydantic import ValidationError

from services.cli.exit_codes import DONE, REFUSED, WRONG_USAGE
from services.cli.output import Output
from services.schemas import PartitionsAreFixed, migrate
from shared.settings import DatabasePasswords, ScaledSettings


async def migrate_schemas(output: Output) -> int:
    """The exit code. Raises StoreAway."""
    try:
        settings, passwords = ScaledSettings(), DatabasePasswords()
    except ValidationError as refusal:
        for problem in refusal.errors():
            output.notice(f"{'.'.join(map(str, problem['loc'])).upper()}: {problem['msg']}")
        return WRONG_USAGE
    try:
        migrated = await migrate(settings, passwords)
    except PartitionsAreFixed as refusal:
        output.notice(str(refusal))
        return REFUSED
    rows = [
        {"schema": schema, "changed": schema in migrated.changed} for schema in migrated.schemas
    ]
    if output.as_json:
        output.document({"rows": rows})
    else:
        output.table(None, rows, ("schema", "changed"))
    return DONE
