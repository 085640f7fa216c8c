"""KurrentDB's protocol in this process: the servicers of kurrentdbclient over a list of records.

Only what the adapter says and relies on, as the server documents it: expected versions, idempotent
repetition, positions of `$all` that grow but are not contiguous, reading from a position including
it, subscribing from a position excluding it, filters, `$maxCount`, the largest append, gossip,
credentials and TLS. It proves the adapter's logic and its use of the client, not the server.
"""

import re
import threading
import time
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import any_pb2, empty_pb2
from google.protobuf.message import Message
from kurrentdbclient.protos.google.rpc import code_pb2
from kurrentdbclient.protos.v1 import (
    gossip_pb2,
    gossip_pb2_grpc,
    shared_pb2,
    status_pb2,
    streams_pb2,
    streams_pb2_grpc,
)

_MAX_APPEND_BYTES = 1024 * 1024
_THREADS = 400
_TICKS_A_SECOND = 10_000_000


@dataclass(frozen=True)
class Record:
    position: int
    stream: str
    revision: int
    event_id: str
    metadata: dict[str, str]
    custom_metadata: bytes
    data: bytes


class Records:
    """All records in the order of `$all`, and those of each stream."""

    def __init__(self) -> None:
        self.all: list[Record] = []
        self.streams: dict[str, list[Record]] = {}
        self.changed = threading.Condition()
        self.end = 0

    def append(self, request: streams_pb2.BatchAppendReq) -> Message | Record:
        """The last record, or what is wrong."""
        name = request.options.stream_identifier.stream_name.decode()
        size = sum(len(each.data) + len(each.custom_metadata) for each in request.proposed_messages)
        if size > _MAX_APPEND_BYTES:
            return shared_pb2.MaximumAppendSizeExceeded(maxAppendSize=_MAX_APPEND_BYTES)
        with self.changed:
            records = self.streams.get(name, [])
            expected = _expected(request.options, len(records))
            ids = [each.id.string for each in request.proposed_messages]
            before = [record.event_id for record in records[expected : expected + len(ids)]]
            if ids and before == ids:
                return records[expected + len(ids) - 1]
            if expected != len(records):
                if records:
                    return shared_pb2.WrongExpectedVersion(current_stream_revision=len(records) - 1)
                return shared_pb2.WrongExpectedVersion(current_no_stream=empty_pb2.Empty())
            for proposed in request.proposed_messages:
                self._add(name, proposed)
            self.changed.notify_all()
            return self.all[-1]

    def wait_beyond(self, length: int) -> None:
        """At most until somebody has to look whether the server is stopping."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.all) > length, timeout=0.2)

    def of_stream(self, name: str) -> list[Record] | None:
        """Without those that `$maxCount` has made invisible; None where there is none."""
        records = self.streams.get(name)
        if records is None:
            return None
        settings = self.streams.get(f"$${name}", [])
        found = re.search(rb'"\$maxCount":\s*(\d+)', settings[-1].data) if settings else None
        return records[-int(found[1]) :] if found else records

    def _add(self, name: str, proposed: streams_pb2.BatchAppendReq.ProposedMessage) -> None:
        records = self.streams.setdefault(name, [])
        created = str(int(time.time() * _TICKS_A_SECOND))
        record = Record(
            self.end,
            name,
            len(records),
            proposed.id.string,
            {**proposed.metadata, "created": created},
            proposed.custom_metadata,
            proposed.data,
        )
        self.end += 97 + len(proposed.data) + len(proposed.custom_metadata)
        records.append(record)
        self.all.append(record)


class Streams(streams_pb2_grpc.StreamsServicer):
    def __init__(self, server: "KurrentDbServer") -> None:
        self._server = server

    def BatchAppend(  # noqa: N802  # the protocol's name
        self, request_iterator: Iterator[streams_pb2.BatchAppendReq], context: Any
    ) -> Iterator[streams_pb2.BatchAppendResp]:
        self._server.admit(context)
        for request in request_iterator:
            if self._server.before_append is not None:
                self._server.before_append(request)
            found = self._server.records.append(request)
            if self._server.lost_replies > 0:
                self._server.lost_replies -= 1
                context.abort(grpc.StatusCode.UNAVAILABLE, "the reply was lost")
            yield _append_reply(request, found)

    def Read(  # noqa: N802  # the protocol's name
        self, request: streams_pb2.ReadReq, context: Any
    ) -> Iterator[streams_pb2.ReadResp]:
        self._server.admit(context)
        options = request.options
        if options.WhichOneof("count_option") == "subscription":
            return self._subscription(options, context)
        if options.WhichOneof("stream_option") == "stream":
            return self._stream(options)
        return self._all(options, context)

    def _stream(self, options: streams_pb2.ReadReq.Options) -> Iterator[streams_pb2.ReadResp]:
        name = options.stream.stream_identifier.stream_name.decode()
        records = self._server.records.of_stream(name)
        if records is None:
            yield streams_pb2.ReadResp(stream_not_found=streams_pb2.ReadResp.StreamNotFound())
            return
        start = options.stream.WhichOneof("revision_option")
        if options.read_direction == streams_pb2.ReadReq.Options.Backwards:
            assert start == "end"
            found = records[::-1]
        else:
            first = options.stream.revision if start == "revision" else 0
            found = [record for record in records if record.revision >= first]
        for record in found[: options.count]:
            yield _event(record)

    def _all(
        self, options: streams_pb2.ReadReq.Options, context: Any
    ) -> Iterator[streams_pb2.ReadResp]:
        if options.read_direction == streams_pb2.ReadReq.Options.Backwards:
            assert options.all.WhichOneof("all_option") == "end"
            assert options.WhichOneof("filter_option") == "no_filter"
            for record in self._server.records.all[: -options.count - 1 : -1]:
                yield _event(record)
            return
        first = self._first(options.all, context)
        left = options.count
        for record in list(self._server.records.all):
            if left > 0 and record.position >= first and _passes(options, record):
                left -= 1
                yield _event(record)

    def _subscription(
        self, options: streams_pb2.ReadReq.Options, context: Any
    ) -> Iterator[streams_pb2.ReadResp]:
        records, subscription = self._server.records, str(uuid.uuid4())
        first = self._first(options.all, context)
        excluded = options.all.WhichOneof("all_option") == "position"
        confirmation = streams_pb2.ReadResp.SubscriptionConfirmation(subscription_id=subscription)
        yield streams_pb2.ReadResp(confirmation=confirmation)
        seen, caught_up = 0, False
        while context.is_active() and not self._server.is_stopping:
            news = [] if self._server.holds_back else records.all[seen:]
            for record in news:
                wanted = record.position > first or (record.position == first and not excluded)
                if wanted and _passes(options, record):
                    yield _event(record)
            seen += len(news)
            if not caught_up:
                caught_up = True
                yield streams_pb2.ReadResp(caught_up=streams_pb2.ReadResp.CaughtUp())
            if self._server.holds_back:
                time.sleep(0.02)
            records.wait_beyond(seen)
        context.abort(grpc.StatusCode.UNAVAILABLE, "the server is shutting down")

    def _first(self, options: streams_pb2.ReadReq.Options.AllOptions, context: Any) -> int:
        if options.WhichOneof("all_option") == "start":
            return 0
        position = options.position.commit_position
        self._server.positions_read.append(position)
        if all(record.position != position for record in self._server.records.all):
            told = "Unexpected FilteredReadAllResult: InvalidPosition"
            context.abort(grpc.StatusCode.UNKNOWN, told)
        return int(position)


class Gossip(gossip_pb2_grpc.GossipServicer):
    def __init__(self, server: "KurrentDbServer") -> None:
        self._server = server

    def Read(  # noqa: N802  # the protocol's name
        self, _request: shared_pb2.Empty, context: Any
    ) -> gossip_pb2.ClusterInfo:
        self._server.admit(context)
        here = gossip_pb2.EndPoint(address="127.0.0.1", port=self._server.port)
        leader = gossip_pb2.MemberInfo(
            state=gossip_pb2.MemberInfo.Leader, is_alive=True, http_end_point=here
        )
        return gossip_pb2.ClusterInfo(members=[leader])


class KurrentDbServer:
    """Keeps its records when it is stopped and started again at the same port."""

    def __init__(
        self,
        *,
        credentials: tuple[str, str] | None = None,
        certificate: tuple[bytes, bytes] | None = None,
    ) -> None:
        """`certificate`: key and chain in PEM, for TLS."""
        self.records = Records()
        self.port = 0
        self.credentials = credentials
        self.lost_replies = 0
        self.before_append: Callable[[streams_pb2.BatchAppendReq], None] | None = None
        self.holds_back = False
        """Subscriptions bring nothing meanwhile."""
        self.positions_read: list[int] = []
        """From which `$all` was read or subscribed to."""
        self.is_stopping = False
        self._certificate = certificate
        self._server: grpc.Server | None = None

    @property
    def url(self) -> str:
        return f"kurrentdb://127.0.0.1:{self.port}?tls=false"

    def start(self) -> None:
        self.is_stopping = False
        server = grpc.server(
            ThreadPoolExecutor(_THREADS, thread_name_prefix="kurrentdb"),
            options=(
                ("grpc.so_reuseport", 0),
                ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
            ),
        )
        streams_pb2_grpc.add_StreamsServicer_to_server(Streams(self), server)  # type: ignore[no-untyped-call]
        gossip_pb2_grpc.add_GossipServicer_to_server(Gossip(self), server)  # type: ignore[no-untyped-call]
        address = f"127.0.0.1:{self.port}"
        if self._certificate is None:
            self.port = server.add_insecure_port(address)
        else:
            secure = grpc.ssl_server_credentials([self._certificate])
            self.port = server.add_secure_port(address, secure)
        server.start()
        self._server = server

    def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            self.is_stopping = True
            server.stop(grace=None).wait()

    def admit(self, context: Any) -> None:
        if self.credentials is None:
            return
        given = dict(context.invocation_metadata()).get("authorization", b"")
        wanted = b"Basic " + b64encode(":".join(self.credentials).encode())
        if (given.encode() if isinstance(given, str) else given) != wanted:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "Bad credentials")


def _expected(options: streams_pb2.BatchAppendReq.Options, length: int) -> int:
    """How many records the stream shall have."""
    match options.WhichOneof("expected_stream_position"):
        case "stream_position":
            return int(options.stream_position) + 1
        case "no_stream":
            return 0
        case _:
            return length


def _append_reply(
    request: streams_pb2.BatchAppendReq, found: Message | Record
) -> streams_pb2.BatchAppendResp:
    if isinstance(found, Record):
        position = shared_pb2.AllStreamPosition(
            commit_position=found.position, prepare_position=found.position
        )
        success = streams_pb2.BatchAppendResp.Success(
            current_revision=found.revision, position=position
        )
        return streams_pb2.BatchAppendResp(correlation_id=request.correlation_id, success=success)
    details = any_pb2.Any()
    details.Pack(found)
    error = status_pb2.Status(code=code_pb2.FAILED_PRECONDITION, details=details)
    return streams_pb2.BatchAppendResp(correlation_id=request.correlation_id, error=error)


def _event(record: Record) -> streams_pb2.ReadResp:
    event = streams_pb2.ReadResp.ReadEvent.RecordedEvent(
        id=shared_pb2.UUID(string=record.event_id),
        stream_identifier=shared_pb2.StreamIdentifier(stream_name=record.stream.encode()),
        stream_revision=record.revision,
        prepare_position=record.position,
        commit_position=record.position,
        metadata=record.metadata,
        custom_metadata=record.custom_metadata,
        data=record.data,
    )
    read = streams_pb2.ReadResp.ReadEvent(event=event, commit_position=record.position)
    return streams_pb2.ReadResp(event=read)


def _passes(options: streams_pb2.ReadReq.Options, record: Record) -> bool:
    if options.WhichOneof("filter_option") != "filter":
        return True
    kind = options.filter.WhichOneof("filter")
    by_stream = kind == "stream_identifier"
    expression = options.filter.stream_identifier if by_stream else options.filter.event_type
    value = record.stream if by_stream else record.metadata["type"]
    if expression.prefix:
        return value.startswith(tuple(expression.prefix))
    return re.search(expression.regex, value) is not None
