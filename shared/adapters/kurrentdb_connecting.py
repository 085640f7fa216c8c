"""Connections to KurrentDB by kurrentdbclient, its streams' names, and which failures pass."""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import grpc
import grpc.aio
from kurrentdbclient import AsyncKurrentDBClient
from kurrentdbclient.exceptions import (
    AbortedByServerError,
    AccessDeniedError,
    DeadlineExceededError,
    DiscoveryFailedError,
    FailedPreconditionError,
    GrpcError,
    ProgrammingError,
    SSLError,
    SubscriptionConfirmationError,
    UnauthenticatedError,
    UnknownError,
)

from shared.errors import StoreAway

READ_SECONDS = 20.0

_PASSES = (
    AbortedByServerError,
    AccessDeniedError,
    DeadlineExceededError,
    DiscoveryFailedError,
    FailedPreconditionError,  # a node that is no longer the leader
    GrpcError,
    SubscriptionConfirmationError,
    UnauthenticatedError,
    UnknownError,
    grpc.RpcError,
    grpc.aio.UsageError,  # a channel closed by a reconnection
    OSError,
    TimeoutError,
)
_REMEDIES = (
    ((UnauthenticatedError, AccessDeniedError), "check user and password in EVENT_STORE_URL"),
    ((SSLError,), "check the server's certificate and tlsCaFile in EVENT_STORE_URL"),
)
# A connection that stands still is noticed; without these gRPC would wait for minutes.
_LIVELY = {"keepAliveInterval": "10000", "keepAliveTimeout": "10000", "maxDiscoverAttempts": "3"}
_BACK_SOON = (
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.use_local_subchannel_pool", 1),
)


class StreamNames:
    """What the streams of one log are called there; `installation` tells several systems apart.

    Also the checkpoints' keys: never rename.
    """

    def __init__(self, installation: str, log: str) -> None:
        self.log = log
        self.prefix = f"{installation}.{log}-"
        self.numbering = f"{installation}.{log}.numbering"
        self.identity = f"{installation}.{log}.identity"

    def of(self, stream: str) -> str:
        return self.prefix + stream

    def stream(self, name: str) -> str:
        return name.removeprefix(self.prefix)

    def filter(self) -> dict[str, Any]:
        """Of `$all`, this log's events; the client's own filter would drop some types."""
        return {
            "filter_include": (self.prefix,),
            "filter_by_stream_name": True,
            "filter_by_prefix": True,
        }


def connect(url: str) -> AsyncKurrentDBClient:
    """Nothing is sent yet. Raises ValueError, which never shows the address: it holds secrets."""
    parts = urlsplit(url)
    given = parse_qsl(parts.query)
    named = {name.lower() for name, _value in given}
    given += [(name, value) for name, value in _LIVELY.items() if name.lower() not in named]
    lively = parts._replace(query=urlencode(given, safe="/")).geturl()
    try:
        client = AsyncKurrentDBClient(lively)
    except (ValueError, OSError) as failure:
        why = str(failure).replace(lively, "…").replace(url, "…")
        raise ValueError(f"EVENT_STORE_URL cannot be used: {why}") from None
    client.grpc_options += _BACK_SOON
    return client


async def disconnect(client: AsyncKurrentDBClient) -> None:
    try:
        await client.close()
    except ProgrammingError:  # it never found a server
        return


def store_away(what: str, failure: BaseException) -> StoreAway | None:
    """One line of cause and remedy; None for a bug."""
    if isinstance(failure, StoreAway):
        return failure
    if not isinstance(failure, _PASSES):
        return None
    remedy = next((text for kinds, text in _REMEDIES if isinstance(failure, kinds)), None)
    cause = str(failure).splitlines()[0] if str(failure) else type(failure).__name__
    return StoreAway(f"{what}: {cause}" + (f" ({remedy})" if remedy else ""))
