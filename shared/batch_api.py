"""POST /commands: a command a line, each with its own outcome; one bad line costs only itself."""

import asyncio
import re
from collections.abc import Mapping
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import structlog
from fastapi import APIRouter, Depends, Request, Response

from shared.access import Caller
from shared.command_handling import Handled
from shared.errors import (
    Busy,
    ConcurrencyConflict,
    DomainError,
    FieldProblem,
    IdempotencyKeyReused,
    Malformed,
)
from shared.http import BASE, Access, BodyTooLarge, encode_json
from shared.http_commands import Named, Times, command_digest, named_context
from shared.ports import Ports
from shared.problems import problem_of
from shared.service import BatchCommand

_NDJSON = "application/x-ndjson"
_PAST_ALL_VERSIONS = 10**18

_CONFLICTS = (Busy, ConcurrencyConflict, IdempotencyKeyReused)
"""Not what the command says is refused: somebody else was there, or the key was used before."""

LOG = structlog.get_logger(__name__)


class SomethingIsWrong(DomainError):
    """A bug met by one line, which must not cost the others their answers."""

    code = "internal-error"
    status = 500


class WrongMediaType(DomainError):
    code = "unsupported"
    status = 415


def router(ports: Ports, access: Access, commands: Mapping[str, BatchCommand]) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["commands"])

    async def any_caller(request: Request) -> Caller:
        """Every command of a line checks its own permission."""
        return await access.caller(request)

    @routes.post("/commands", openapi_extra={"requestBody": {"content": {_NDJSON: {}}}})
    async def post_commands(request: Request, caller: Caller = Depends(any_caller)) -> Response:
        """A command a line: `command`, `id` (its idempotency key), `if_match` (the version that the
        writer saw; `conflict` when somebody was faster), and the fields of the command's route."""
        if request.headers.get("content-type", "").split(";")[0].strip() != _NDJSON:
            raise WrongMediaType(f"send {_NDJSON}")
        lines = [line for line in (await request.body()).split(b"\n") if line.strip()]
        if len(lines) > ports.settings.max_batch_lines:
            raise BodyTooLarge(f"at most {ports.settings.max_batch_lines} lines")
        batch = _Batch(ports, request, caller, commands)
        answers = await batch.outcomes(lines)
        return Response(b"".join(encode_json(each) + b"\n" for each in answers), media_type=_NDJSON)

    return routes


class _Batch:
    def __init__(
        self,
        ports: Ports,
        request: Request,
        caller: Caller,
        commands: Mapping[str, BatchCommand],
    ) -> None:
        self._ports = ports
        self._request = request
        self._caller = caller
        self._commands = commands

    async def outcomes(self, lines: list[bytes]) -> list[dict[str, Any]]:
        """In the order of the lines. Lines about the same thing or under the same key keep their
        order; others go together, so that one commit takes many."""
        answers: list[dict[str, Any]] = [{} for _ in lines]

        async def run(chain: _Chain) -> None:
            for line in sorted(chain.lines, key=_number):
                answers[line.number] = await self._outcome(line)

        said = [_Line(number, text, _said(text)) for number, text in enumerate(lines)]
        await asyncio.gather(*(run(chain) for chain in _chains(said)))
        return answers

    async def _outcome(self, line: "_Line") -> dict[str, Any]:
        key: str | None = None
        try:
            if isinstance(line.said, Malformed):
                raise line.said
            fields = dict(line.said)
            key = fields.pop("id", None)
            handled = await self._handled(fields, key, line.text)
        except DomainError as failure:
            outcome = "conflict" if isinstance(failure, _CONFLICTS) else "refused"
            return {"id": key, "outcome": outcome, "problem": problem_of(failure)}
        except Exception as failure:
            LOG.error("unexpected_failure", kind=type(failure).__name__, exc_info=failure)
            return {"id": key, "outcome": "refused", "problem": problem_of(SomethingIsWrong())}
        return {
            "id": key,
            "outcome": "duplicate" if handled.duplicate else "done",
            "events": [str(each) for each in handled.event_ids],
            "version": handled.version,
            "position": await self._token(handled),
        }

    async def _token(self, handled: Handled[Any]) -> str | None:
        """For `Pulsetrail-Wait-For`, as the header of a single command has it."""
        if handled.position is None:
            return None
        return await self._ports.progress.token_of(handled.position)

    async def _handled(self, fields: dict[str, Any], key: str | None, line: bytes) -> Handled[Any]:
        name = fields.pop("command", None)
        command = self._commands.get(name) if isinstance(name, str) else None
        if command is None:
            raise _wrong("command", "unknown", f"known: {', '.join(sorted(self._commands))}")
        if key is not None and not (isinstance(key, str) and 1 <= len(key) <= 200):
            raise _wrong("id", "idempotency-key", "a text of 1-200 characters")
        named = Named(key, _version(fields.pop("if_match", None)), is_shown_state=False)
        digest = command_digest("/commands", line.strip())
        times = Times(self._ports.clock())
        context = named_context(self._request, self._caller, digest, times, named)
        return await command(self._caller, fields, context)


def _version(said: Any) -> int | None:
    """What the writer saw, as the header `If-Match` has it, or the number that a line's answer has.

    None: decided on whatever there is. Raises Malformed.
    """
    if said is None or said == "*":
        return None
    if isinstance(said, int) and not isinstance(said, bool) and 0 <= said < _PAST_ALL_VERSIONS:
        return said
    if isinstance(said, str) and re.fullmatch('"?[0-9]{1,18}"?', said):
        return int(said.strip('"'))
    raise _wrong("if_match", "version", 'expected "<version>"')


def _said(line: bytes) -> dict[str, Any] | Malformed:
    try:
        fields = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as flaw:
        return Malformed(f"the line is no JSON object: {flaw}")
    return fields if isinstance(fields, dict) else Malformed("the line is no JSON object")


class _Line(NamedTuple):
    number: int
    text: bytes
    said: dict[str, Any] | Malformed


_number = attrgetter("number")


class _Chain(NamedTuple):
    """Lines that go one after the other, and what ties them together."""

    lines: list[_Line]
    ties: set[str]


def _chains(lines: list[_Line]) -> list[_Chain]:
    """A line that is tied to two chains makes them one."""
    chains: list[_Chain] = []
    tied: dict[str, _Chain] = {}
    for line in lines:
        ties = _ties(line.said)
        found = {id(tied[tie]): tied[tie] for tie in ties if tie in tied}
        chain, *others = found.values() or [_Chain([], set())]
        if not found:
            chains.append(chain)
        chain.lines.append(line)
        chain.ties.update(ties)
        for other in others:
            chain.lines.extend(other.lines)
            chain.ties.update(other.ties)
            other.lines.clear()
            ties |= other.ties
        tied.update(dict.fromkeys(ties, chain))
    return chains


def _ties(fields: dict[str, Any] | Malformed) -> set[str]:
    """What a line is about, and its key."""
    if isinstance(fields, Malformed):
        return set()
    ties = {f"key {fields['id']}"} if "id" in fields else set()
    for name in ("lead_id", "opportunity_id", "customer_id", "person_id", "unit_id"):
        if name in fields:
            return ties | {f"{name} {fields[name]}"}
    return ties


def _wrong(field: str, code: str, message: str) -> Malformed:
    return Malformed(f"{field}: {message}", errors=[FieldProblem(field, code, message)])
