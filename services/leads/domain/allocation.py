"""Who gets a lead: eligible reps, their weights, whose turn it is; by recorded state alone (L5)."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

THOUSANDTHS = 1000
_LEAST_WEIGHT, _MOST_WEIGHT = 0.5, 2.0


class Track(StrEnum):
    STANDARD = "standard"
    HIGH_VALUE = "high_value"
    HOT_WORD = "hot_word"


class PassedOver(StrEnum):
    """Why a rep was not eligible; the first that holds, in this order."""

    UNIT_SUSPENDED = "unit_suspended"
    NEWCOMER = "newcomer"
    OUTSIDE_BUSINESS_HOURS = "outside_business_hours"
    OFFLINE = "offline"
    AT_CAP = "at_cap"


class Why(StrEnum):
    """Why this rep of the eligible."""

    LEAST_RECENTLY_SERVED = "least_recently_served"
    HIGHEST_CURRENT_WEIGHT = "highest_current_weight"
    HIGHEST_OF_SEVERAL = "highest_current_weight_least_recently_served"
    QUICKEST = "quickest_to_respond"
    QUICKEST_SERVED = "quickest_to_respond_served_customer"
    QUICKEST_OF_SEVERAL = "quickest_to_respond_least_recently_served"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepSituation:
    """What is known of a rep of the unit when a lead is allocated. `won` and `closed`: their
    opportunities of the last 180 days. `attainment`: of the month's goal ÷ share of its working
    days gone; None without a goal (P9). `response_seconds`: mean of the last three first-response
    times, None before the first; looked up for leads with a hot word only (L8)."""

    rep_id: str
    joined_at: datetime
    seen_at: datetime | None
    on_duty: bool
    won: int = 0
    closed: int = 0
    attainment: float | None = None
    response_seconds: float | None = None

    @property
    def win_rate(self) -> float:
        """(won + 1) ÷ (closed + 4)."""
        return (self.won + 1) / (self.closed + 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationRules:
    high_value_score: float
    seen_for: timedelta
    cap: int
    newcomer_for: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitSituation:
    """What holds for all reps of the unit alike."""

    in_business_hours: bool = True
    suspended: bool = False


class Eligibility(NamedTuple):
    eligible: tuple[RepSituation, ...]
    passed_over: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Of one track. `order`: in which reps were first eligible; `served`: the number of the
    allocation that each had last; `current`: weights gathered and not yet used, in thousandths."""

    order: Mapping[str, int] = field(default_factory=dict)
    served: Mapping[str, int] = field(default_factory=dict)
    current: Mapping[str, int] = field(default_factory=dict)


class Choice(NamedTuple):
    rep_id: str
    why: Why


def is_high_value(score: float, rules: AllocationRules) -> bool:
    return score >= rules.high_value_score


def track_of(score: float, rules: AllocationRules, *, has_hot_word: bool = False) -> Track:
    if has_hot_word:
        return Track.HOT_WORD
    return Track.HIGH_VALUE if is_high_value(score, rules) else Track.STANDARD


def eligibility(
    reps: Sequence[RepSituation],
    open_leads: Mapping[str, int],
    rules: AllocationRules,
    unit: UnitSituation,
    now: datetime,
) -> Eligibility:
    """Who may get a lead now; of the others, why not."""
    eligible: list[RepSituation] = []
    passed_over: dict[str, list[str]] = {}
    newest, earliest = now - rules.newcomer_for, now - rules.seen_for
    for rep in reps:
        if unit.suspended:
            reason = PassedOver.UNIT_SUSPENDED
        elif rep.joined_at > newest:
            reason = PassedOver.NEWCOMER
        elif not unit.in_business_hours:
            reason = PassedOver.OUTSIDE_BUSINESS_HOURS
        elif not rep.on_duty and (rep.seen_at is None or rep.seen_at < earliest):
            reason = PassedOver.OFFLINE
        elif open_leads.get(rep.rep_id, 0) >= rules.cap:
            reason = PassedOver.AT_CAP
        else:
            eligible.append(rep)
            continue
        passed_over.setdefault(reason, []).append(rep.rep_id)
    return Eligibility(tuple(eligible), {why: tuple(those) for why, those in passed_over.items()})


def weights(eligible: Sequence[RepSituation], track: Track) -> dict[str, int]:
    """In thousandths by rep; all alike but in the high-value track. There
    clamp(½ p/p̄ + ½ a/ā, ½, 2), bars being means over the eligible; as long as a is absent the
    weight is over what remains: clamp(p/p̄, ½, 2) (L5)."""
    if track is not Track.HIGH_VALUE:
        return {rep.rep_id: THOUSANDTHS for rep in eligible}
    mean_rate = sum(rep.win_rate for rep in eligible) / len(eligible)
    attained = [rep.attainment for rep in eligible if rep.attainment is not None]
    mean_attained = sum(attained) / len(attained) if attained else 0.0
    return {
        rep.rep_id: _clamped(
            rep.win_rate / mean_rate,
            None if rep.attainment is None else _ratio(rep.attainment, mean_attained),
        )
        for rep in eligible
    }


def _clamped(rate: float, attained: float | None) -> int:
    weight = rate if attained is None else (rate + attained) / 2
    return round(min(_MOST_WEIGHT, max(_LEAST_WEIGHT, weight)) * THOUSANDTHS)


def _ratio(part: float, mean: float) -> float:
    """Where nobody has attained anything all are alike."""
    return part / mean if mean > 0 else 1.0


def choose(turns: Turns, weighed: Mapping[str, int], track: Track) -> Choice:
    """Round-robin: the least recently served, who never was before all others, in the order
    recorded. Smooth weighted round-robin: the highest of current + own weight; of several the
    least recently served. `weighed` names at least one rep."""
    if track is not Track.HIGH_VALUE:
        return Choice(_least_recently_served(turns, list(weighed)), Why.LEAST_RECENTLY_SERVED)
    current = turns.current
    gathered = {rep: current.get(rep, 0) + weight for rep, weight in weighed.items()}
    highest = max(gathered.values())
    tied = [rep for rep, amount in gathered.items() if amount == highest]
    if len(tied) == 1:
        return Choice(tied[0], Why.HIGHEST_CURRENT_WEIGHT)
    return Choice(_least_recently_served(turns, tied), Why.HIGHEST_OF_SEVERAL)


def choose_quickest(
    turns: Turns,
    weighed: Collection[str],
    response_seconds: Mapping[str, float],
    served_customer: Collection[str],
) -> Choice:
    """Of the eligible the one with the lowest mean response, who has none comes last; of several
    one who has served the customer; of several the least recently served (L8)."""
    lowest = min(response_seconds.get(rep, math.inf) for rep in weighed)
    tied = [rep for rep in weighed if response_seconds.get(rep, math.inf) == lowest]
    if len(tied) == 1:
        return Choice(tied[0], Why.QUICKEST)
    familiar = [rep for rep in tied if rep in served_customer]
    if len(familiar) == 1:
        return Choice(familiar[0], Why.QUICKEST_SERVED)
    return Choice(_least_recently_served(turns, familiar or tied), Why.QUICKEST_OF_SEVERAL)


def _least_recently_served(turns: Turns, reps: Sequence[str]) -> str:
    """Who comes for the first time stands behind those who came before, in the order given."""
    served, order = turns.served, turns.order
    behind = len(order)

    def standing(at: int) -> tuple[int, int]:
        rep = reps[at]
        return served.get(rep, 0), order.get(rep, behind + at)

    return reps[min(range(len(reps)), key=standing)]


def after_turn(
    turns: Turns, weighed: Mapping[str, int], track: Track, rep_id: str, number: int
) -> Turns:
    """Everybody eligible gathered their weight; who was served gave up the sum of all."""
    order = turns.order
    newcomers = [rep for rep in weighed if rep not in order]
    if newcomers:
        order = {**order, **{rep: len(order) + at for at, rep in enumerate(newcomers)}}
    after = replace(turns, order=order, served={**turns.served, rep_id: number})
    if track is not Track.HIGH_VALUE:
        return after
    current = dict(turns.current)
    for rep, weight in weighed.items():
        current[rep] = current.get(rep, 0) + weight
    current[rep_id] -= sum(weighed.values())
    return replace(after, current=current)
