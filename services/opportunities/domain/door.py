"""A customer's door: the codes issued for it, each until it expires, is replaced or withdrawn."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from services.opportunities.domain.places import check_place
from shared.decider import Decider
from shared.errors import DomainError, FieldProblem, Malformed, NotFound
from shared.events.visits import DoorCodeIssued, DoorCodeWithdrawn, Place


class DoorBelongsToAnotherCustomer(DomainError):
    code = "door-belongs-to-another-customer"


class DoorCodeHasExpired(DomainError):
    code = "door-code-has-expired"


class DoorCodeIsReplaced(DomainError):
    """A newer one hangs there, or it was withdrawn."""

    code = "door-code-is-replaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueDoorCode:
    """For a door that has one already: the new one replaces it."""

    door_id: str
    code_id: str
    customer_id: str
    place: Place | None
    issued_by: str | None
    expires_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawDoorCode:
    door_id: str
    now: datetime


DoorCommand = IssueDoorCode | WithdrawDoorCode
DoorEvent = DoorCodeIssued | DoorCodeWithdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCode:
    """Good until it expires, or until `ended_at` where another replaced it or it was withdrawn."""

    issued_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """No code was ever issued for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """`code_id`: of the latest code, None where that was withdrawn."""

    customer_id: str
    code_id: str | None
    codes: dict[str, IssuedCode] = field(default_factory=dict)


Door = Unknown | Known


def issue(command: IssueDoorCode, door: Door) -> Sequence[DoorCodeIssued]:
    if command.place is not None:
        check_place(command.place, "place")
    if command.expires_at <= command.now:
        problem = FieldProblem("expires_at", "not-in-the-future", "a code has to hold for a while")
        raise Malformed("the code would have expired already", errors=[problem])
    if isinstance(door, Known) and door.customer_id != command.customer_id:
        raise DoorBelongsToAnotherCustomer(f"door {command.door_id!r} is another customer's")
    return [
        DoorCodeIssued(
            door_id=command.door_id,
            code_id=command.code_id,
            customer_id=command.customer_id,
            place=None if command.place is None else [command.place],
            issued_by=command.issued_by,
            expires_at=command.expires_at,
            issued_at=command.now,
        )
    ]


def withdraw(command: WithdrawDoorCode, door: Door) -> Sequence[DoorCodeWithdrawn]:
    match door:
        case Unknown():
            raise NotFound(f"there is no door {command.door_id!r}")
        case Known(code_id=None):
            return []
        case Known(code_id=str() as code_id):
            return [
                DoorCodeWithdrawn(
                    door_id=command.door_id, code_id=code_id, withdrawn_at=command.now
                )
            ]
        case _:
            assert_never(door)  # type: ignore[arg-type]  # None and str are all there is


def require_good(door: Known, code_id: str, scanned_at: datetime) -> None:
    """A scan that comes to be known late is judged by when it happened (G5).

    Raises DoorCodeHasExpired, DoorCodeIsReplaced.
    """
    code = door.codes[code_id]
    if scanned_at > code.expires_at:
        raise DoorCodeHasExpired("the door code has expired: ask for a new one to be put up")
    if code.ended_at is not None and scanned_at >= code.ended_at:
        raise DoorCodeIsReplaced("the door code holds no longer: scan the one that hangs there now")


def decide(command: DoorCommand, door: Door) -> Sequence[DoorEvent]:
    match command:
        case IssueDoorCode():
            return issue(command, door)
        case WithdrawDoorCode():
            return withdraw(command, door)
        case _:
            assert_never(command)


def evolve(door: Door, event: DoorEvent) -> Door:
    match event:
        case DoorCodeIssued():
            codes = {} if isinstance(door, Unknown) else _ended(door, event.issued_at)
            code = IssuedCode(issued_at=event.issued_at, expires_at=event.expires_at)
            return Known(
                customer_id=event.customer_id,
                code_id=event.code_id,
                codes={**codes, event.code_id: code},
            )
        case DoorCodeWithdrawn():
            assert isinstance(door, Known)
            return replace(door, code_id=None, codes=_ended(door, event.withdrawn_at))
        case _:
            assert_never(event)


def _ended(door: Known, ended_at: datetime) -> dict[str, IssuedCode]:
    if door.code_id is None:
        return door.codes
    return {**door.codes, door.code_id: replace(door.codes[door.code_id], ended_at=ended_at)}


DOOR: Decider[DoorCommand, Door, DoorEvent] = Decider("door", decide, evolve, Unknown())
