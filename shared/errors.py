"""Refusals with a stable code; http.py and problems.py alone turn them into answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with one field of the input; `field` is a dotted path."""

    field: str
    code: str
    message: str


class DomainError(Exception):
    """A rule refused the command: 409 with `code`; the state is untouched. `members` are told
    beside the usual ones, for whoever can do something about it."""

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409

    def __init__(
        self,
        detail: str = "",
        *,
        errors: Sequence[FieldProblem] = (),
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail or self.code)
        self.detail = detail or self.code
        self.errors = tuple(errors)
        self.members = dict(members or {})


class NotFound(DomainError):
    """The id in the path does not exist, or the caller may not see it: 404."""

    code = "not-found"
    status = 404


class NotYetKnown(DomainError):
    """The body names a unit or person that we have not heard of (yet): 409 with Retry-After."""

    code = "not-yet-known"


class Malformed(DomainError):
    """The input names something that cannot be: 422, with the fields at fault."""

    code = "malformed"
    status = 422


class Unauthenticated(DomainError):
    code = "unauthenticated"
    status = 401


class Forbidden(DomainError):
    code = "forbidden"
    status = 403


class ConcurrencyConflict(DomainError):
    """Somebody was faster than the version that the writer named: 412."""

    code = "version-conflict"
    status = 412


class Busy(DomainError):
    """Decided again three times and always overtaken: 409."""

    code = "busy"


class IdempotencyKeyReused(DomainError):
    """The same key came with another body: 409."""

    code = "idempotency-key-reused"


class StoreAway(DomainError):
    """A store cannot be reached or written (a full disk too): 503 with Retry-After."""

    code = "store-away"
    status = 503


class CannotGoOn(Exception):
    """No waiting helps, only an operator: told in one line, and the process ends."""


class PoisonMessage(Exception):
    """This event cannot be folded, now or ever: it parks its stream, with the reason."""
