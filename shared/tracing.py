"""Traces of this process: W3C contexts, and spans where somebody is told of them."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import NamedTuple, Protocol
from uuid import UUID

from shared.event_store import EventStore

LINKED_AT_MOST = 16
"""Sampled events that the span of a batch is linked to."""
_FOLLOWED_AT_MOST = 8
"""Of one batch those whose trace is looked up where time, not an event, is the cause."""

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED = 1
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Attributes = Mapping[str, str | int]
"""Ids, names of ours and counts; never what somebody said."""


class TraceContext(NamedTuple):
    """Of a span, here or with a client: the trace that it belongs to, and whether that is kept."""

    trace_id: str
    span_id: str
    is_sampled: bool

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{int(self.is_sampled):02x}"


def trace_context(traceparent: str | None) -> TraceContext | None:
    """None for what is no W3C traceparent of version 00: whoever sent it begins a new trace."""
    found = None if traceparent is None else _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return None
    trace_id, span_id, flags = found.groups()
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


class Span(Protocol):
    """Open until it is ended."""

    @property
    def context(self) -> TraceContext: ...

    def add(self, name: str, value: str | int) -> None: ...

    def end(self, *, failed: bool) -> None: ...


class Tracing(Protocol):
    """Where spans go. Never blocks and never raises, wherever that is."""

    @property
    def sampled_share(self) -> float:
        """Of the traces that begin here, from 0 to 1."""
        ...

    def begin(
        self,
        name: str,
        parent: TraceContext | None,
        links: Sequence[TraceContext] = (),
        *,
        is_served: bool = False,
    ) -> Span:
        """`is_served`: it answers a request of somebody else."""
        ...


class _Told:
    """Who is told of the spans of this process; nobody unless the host has said."""

    tracing: Tracing | None = None


def tracing() -> Tracing | None:
    return _Told.tracing


@contextmanager
def told_of_spans(tracing: Tracing) -> Iterator[None]:
    """While this lasts."""
    before, _Told.tracing = _Told.tracing, tracing
    try:
        yield
    finally:
        _Told.tracing = before


def is_begun_here(tracing: Tracing, new_id: UUID) -> bool:
    """Whether a trace that begins with a request of this random id is kept."""
    return (new_id.int & 0xFFFF_FFFF) < tracing.sampled_share * 0x1_0000_0000


_NO_SPAN: AbstractContextManager[Span | None] = nullcontext()


def span(
    name: str, parent: str | None, attributes: Attributes | None = None
) -> AbstractContextManager[Span | None]:
    """A span in a sampled trace; none where nobody is told or the trace is not kept."""
    if _Told.tracing is None or parent is None:
        return _NO_SPAN
    context = trace_context(parent)
    if context is None or not context.is_sampled:
        return _NO_SPAN
    return _open(_Told.tracing, name, (context,), (), attributes or {})


def batch_span(
    name: str, causes: Iterable[str | None], attributes: Attributes | None = None
) -> AbstractContextManager[Span | None]:
    """One span for all of a batch: in the trace of the first sampled cause, linked to each of
    them, but to sixteen at most."""
    if _Told.tracing is None:
        return _NO_SPAN
    links = sampled(causes)
    if not links:
        return _NO_SPAN
    return _open(_Told.tracing, name, links[:1], links, attributes or {})


def sampled(causes: Iterable[str | None]) -> list[TraceContext]:
    found: dict[str, TraceContext] = {}
    for traceparent in causes:
        if traceparent is None or traceparent in found:
            continue
        context = trace_context(traceparent)
        if context is not None and context.is_sampled:
            found[traceparent] = context
            if len(found) == LINKED_AT_MOST:
                break
    return list(found.values())


@contextmanager
def _open(
    tracing: Tracing,
    name: str,
    parents: Sequence[TraceContext],
    links: Sequence[TraceContext],
    attributes: Attributes,
) -> Iterator[Span]:
    opened = tracing.begin(name, parents[0], links)
    for attribute, value in attributes.items():
        opened.add(attribute, value)
    failed = True
    try:
        yield opened
        failed = False
    finally:
        opened.end(failed=failed)


def inside(opened: Span | None, parent: str | None) -> str | None:
    """The traceparent of what happens in a span; without one that of its parent."""
    return parent if opened is None else opened.context.traceparent


async def contexts_of_streams(store: EventStore, streams: Iterable[str]) -> dict[str, str]:
    """By stream the sampled trace that its latest traced event belongs to, of the first few."""
    if _Told.tracing is None:
        return {}
    few = list(dict.fromkeys(streams))[:_FOLLOWED_AT_MOST]
    found = await store.read_streams(few) if few else {}
    contexts: dict[str, str] = {}
    for stream, stored in found.items():
        for event in stored:
            if event.trace_context and sampled([event.trace_context]):
                contexts[stream] = event.trace_context
    return contexts


async def contexts_of_events(store: EventStore, event_ids: Collection[str]) -> dict[str, str]:
    """By event the sampled trace that it belongs to, of the first few."""
    if _Told.tracing is None:
        return {}
    contexts: dict[str, str] = {}
    known = [UUID(each) for each in dict.fromkeys(event_ids) if _UUID.fullmatch(each)]
    found = await store.find_events(known[:_FOLLOWED_AT_MOST])
    for event_id, stored in found.items():
        if stored.trace_context and sampled([stored.trace_context]):
            contexts[str(event_id)] = stored.trace_context
    return contexts
