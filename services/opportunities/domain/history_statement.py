"""What a row of a history says, in the words of the opportunity."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RepOfHistory:
    """A person whom the mapping makes of an actor; `name` None: the history knows none."""

    rep_id: str
    unit_id: str
    unit_parent: str | None
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerOfHistory:
    customer_id: str
    name: str | None
    customer_type: str | None
    industry: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCase:
    """`unit_id` is that of an opportunity without owner; with one, the owner's unit counts."""

    customer: CustomerOfHistory
    stage: str
    unit_id: str
    owner: RepOfHistory | None
    amount: Decimal | None
    currency: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignCase:
    owner: RepOfHistory
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveStage:
    """`reason` only for a backward move or a skip."""

    stage: str
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WinCase:
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LoseCase:
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionOfCase:
    """`actor` None: the system, or nobody knows."""

    type: str
    actor: RepOfHistory | None
    summary: str | None
    fields: Mapping[str, str]
    direction: str | None
    is_contact: bool
    ends_silence: bool
    at: datetime


Statement = OpenCase | AssignCase | MoveStage | WinCase | LoseCase | ActionOfCase
