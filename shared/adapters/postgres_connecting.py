"""Connections to PostgreSQL by asyncpg, and which of their failures pass by themselves."""

import asyncio
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

import asyncpg

from shared.errors import StoreAway

CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 20.0

_PASSES = (
    "08",  # the connection
    "25006",  # a server that only reads, for now
    "28",  # credentials
    "40",  # a transaction that met another one
    "3D000",  # no such database, yet
    "3F000",  # no such schema, yet
    "42501",  # a privilege that is missing
    "42P01",  # no such table, yet
    "53",  # a full disk, memory, connections
    "55P03",  # a lock that somebody holds for long
    "57",  # shut down, crashed, starting
    "58",  # the disk
)
_REMEDIES = {
    "28": "check user and password in the address",
    "3D": "create the database",
    "3F": "run `pulsetrail migrate`",
    "42501": "run `pulsetrail migrate` as the schemas' owner",
    "42P01": "run `pulsetrail migrate`",
    "53100": "make room on the server's disk",
}

_LIVELY = {
    "application_name": "pulsetrail",
    "jit": "off",
    "synchronous_commit": "on",
    # Whoever stands still in the middle of a transaction holds up everybody else.
    "idle_in_transaction_session_timeout": "5s",
    "lock_timeout": "10s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}


async def prepare_connection(connection: "asyncpg.Connection[Any]") -> None:
    """Ids come as the standard library's."""
    await connection.set_type_codec(
        "uuid",
        schema="pg_catalog",
        encoder=_bytes_of,
        decoder=_uuid_of,
        format="binary",
    )


async def left_as_it_was(_connection: "asyncpg.Connection[Any]") -> None:
    """For pools whose users set nothing and lock nothing beyond a transaction: nothing has to be
    asked of the server when a connection is given back."""


def connect_arguments(url: str) -> dict[str, Any]:
    return {
        "dsn": _without_driver(url),
        "timeout": CONNECT_SECONDS,
        "command_timeout": COMMAND_SECONDS,
        "server_settings": dict(_LIVELY),
    }


async def connect(url: str) -> "asyncpg.Connection[Any]":
    connection = await asyncpg.connect(**connect_arguments(url))
    await prepare_connection(connection)
    return connection


def is_away(failure: BaseException) -> bool:
    """True for what passes: a server, network, disk or credentials; False for a bug."""
    state = getattr(failure, "sqlstate", None)
    if isinstance(failure, asyncpg.PostgresError) and isinstance(state, str):
        return state.startswith(_PASSES)
    if isinstance(failure, ValueError):
        return False  # an argument that cannot be sent
    # What a dying server sends last confuses the driver, which then blames itself.
    confused = isinstance(failure, asyncpg.InternalClientError)
    return confused or isinstance(failure, OSError | asyncio.TimeoutError | asyncpg.InterfaceError)


def store_away(what: str, failure: BaseException) -> StoreAway | None:
    """One line of cause and remedy; None for a bug."""
    if isinstance(failure, StoreAway):
        return failure
    if not is_away(failure):
        return None
    state = getattr(failure, "sqlstate", None) or ""
    remedy = next((text for code, text in _REMEDIES.items() if state.startswith(code)), None)
    cause = str(failure).splitlines()[0] if str(failure) else type(failure).__name__
    return StoreAway(f"{what}: {cause}" + (f" ({remedy})" if remedy else ""))


def _without_driver(url: str) -> str:
    """Addresses are also written for SQLAlchemy: postgresql+asyncpg://…"""
    parts = urlsplit(url)
    query = urlencode(parse_qsl(parts.query))
    return parts._replace(scheme=parts.scheme.split("+")[0], query=query).geturl()


def _bytes_of(value: UUID) -> bytes:
    return value.bytes


def _uuid_of(value: bytes) -> UUID:
    return UUID(bytes=bytes(value))
