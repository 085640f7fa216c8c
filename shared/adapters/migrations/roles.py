"""The database roles of the services: what each may do, nothing more."""

import base64
import hashlib
import hmac
import os
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping

from sqlalchemy import text

from shared.adapters.migrations.running import changing
from shared.adapters.postgres_schemas import (
    API,
    KEYS_SCHEMA,
    READ_MODELS_ROLE,
    READ_MODELS_SCHEMA,
    RELAY,
    role_of,
)

_ITERATIONS = 4_096


async def grant_roles(
    url: str, readers: Mapping[str, Collection[str]], passwords: Mapping[str, str]
) -> None:
    """A role for each service, for the relay, and for the api, which may do what each service may;
    again does nothing new.

    `readers`: per log the services that read it beside its own. A service with a password can log
    in; without one its role is for logins to be members of. Of a password only a salted hash
    leaves this process. Raises StoreAway.
    """
    services = [*readers, RELAY]
    async with changing(url) as connection:
        await connection.execute(text(_made(READ_MODELS_ROLE)))
        for service in (*services, API):
            await connection.execute(text(_made(role_of(service))))
            if service in passwords:
                verifier = _scram_verifier(passwords[service])
                await connection.exec_driver_sql(
                    f"ALTER ROLE {role_of(service)} LOGIN PASSWORD '{verifier}'"
                )
        for statement in (*_of_members(readers), *_of_event_stores(readers)):
            await connection.exec_driver_sql(statement)
        for schema in (READ_MODELS_SCHEMA, KEYS_SCHEMA):
            there = await connection.scalar(text("SELECT to_regnamespace(:name)"), {"name": schema})
            if there is not None:
                for statement in _of_everybody(schema, services):
                    await connection.exec_driver_sql(statement)
        for table in (await connection.execute(_MADE_BY_OTHERS)).scalars().all():
            await connection.exec_driver_sql(
                f'ALTER TABLE "{READ_MODELS_SCHEMA}"."{table}" OWNER TO {READ_MODELS_ROLE}'
            )


def _made(role: str) -> str:
    return (
        f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN;"
        " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    )


_MADE_BY_OTHERS = text(
    "SELECT tablename FROM pg_tables"
    f" WHERE schemaname = '{READ_MODELS_SCHEMA}' AND tableowner <> '{READ_MODELS_ROLE}'"
    " AND tablename NOT IN ('alembic_version', 'compatibility')"
)
"""By processes that were started before anybody had migrated, and by the migration itself."""


def _of_members(services: Iterable[str]) -> Iterator[str]:
    roles = ", ".join(role_of(service) for service in services)
    yield f"GRANT {roles} TO {role_of(API)}"
    yield f"GRANT {READ_MODELS_ROLE} TO {roles}, CURRENT_USER"


def _of_event_stores(readers: Mapping[str, Collection[str]]) -> Iterator[str]:
    """Events are only ever added, by their own service."""
    for log, others in readers.items():
        own, relay = role_of(log), role_of(RELAY)
        for role in sorted({own, relay, *map(role_of, others)}):
            yield f'GRANT USAGE ON SCHEMA "{log}" TO {role}'
            yield _on(log, "SELECT", ("events", "partitions", "log", *_VERSION), role)
        yield _on(log, "INSERT", ("events",), own)
        yield _on(log, "UPDATE", ("partitions",), own)
        yield _on(log, "SELECT, INSERT", ("commands",), own)
        yield _on(log, "SELECT, INSERT, UPDATE, DELETE", ("snapshots",), own)
        yield _on(log, "UPDATE (recorded_at)", ("partitions",), relay)


_VERSION = ("alembic_version", "compatibility")


def _on(schema: str, rights: str, tables: Collection[str], role: str) -> str:
    named = ", ".join(f'"{schema}".{table}' for table in tables)
    return f"GRANT {rights} ON {named} TO {role}"


def _of_everybody(schema: str, services: Collection[str]) -> Iterator[str]:
    """Rows that are kept for all: read models with their framework, keys of subjects."""
    roles = ", ".join(role_of(service) for service in services)
    yield f'GRANT USAGE ON SCHEMA "{schema}" TO {roles}'
    if schema == READ_MODELS_SCHEMA:
        yield f'GRANT USAGE, CREATE ON SCHEMA "{schema}" TO {READ_MODELS_ROLE}'
    yield f'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "{schema}" TO {roles}'
    for table in _VERSION:
        yield f'REVOKE INSERT, UPDATE, DELETE ON "{schema}".{table} FROM {roles}'


def _scram_verifier(password: str) -> str:
    """What the server would make of the password itself (RFC 5802, RFC 7677)."""
    salt = os.urandom(16)
    prepared = unicodedata.normalize("NFKC", password).encode()
    salted = hashlib.pbkdf2_hmac("sha256", prepared, salt, _ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${_ITERATIONS}:{encoded[0]}${encoded[1]}:{encoded[2]}"
