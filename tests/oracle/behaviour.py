"""What a log says of people's actions: P4, P8, P9, P13, P14 by one pure walk over its events.

Nothing here is shared with the services: events are read as JSON and counted as capabilities.md
says, for tenants that never change a setting and pipelines that nobody migrates.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

Order = tuple[datetime, int]
Scope = tuple[str, str | None]
Window = tuple[datetime, datetime]
"""[begins, ends)."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NODES = {
    "scan",
    "photo_storefront",
    "photo_display",
    "photo_conversation",
    "fields",
    "next_action",
    "summary",
}
RICH = {
    "photo_storefront",
    "photo_display",
    "photo_conversation",
    "recording",
    "document",
    "signature",
    "approval",
    "issued",
}


class Told(NamedTuple):
    stream: str
    version: int
    type: str
    recorded_at: datetime
    occurred_at: datetime
    data: dict[str, Any]

    @property
    def name(self) -> str:
        return self.type.split(".")[1]

    def at(self, field_name: str) -> datetime:
        return moment(self.data[field_name])


def told(stored: Iterable[Any]) -> list[Told]:
    """Stored events as plain JSON, in the order of each log."""
    return [
        Told(
            each.stream,
            each.version,
            each.type,
            each.recorded_at,
            each.occurred_at,
            json.loads(each.payload),
        )
        for each in stored
    ]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@dataclass
class Act:
    order: Order
    type: str
    actor: str | None
    path: tuple[str, ...]
    late: timedelta
    characters: int
    questions: int
    inbound: bool
    counts: bool
    pain_point: bool
    next_step: bool
    voided: bool = False
    steps: list[tuple[datetime, int, str]] = field(default_factory=list)

    @property
    def scopes(self) -> set[Scope]:
        wholes: set[Scope] = {(unit, None) for unit in self.path}
        return wholes | {(unit, self.actor) for unit in self.path if self.actor}


@dataclass
class Deal:
    opportunity_id: str
    customer_id: str
    customer_type: str | None
    lights: dict[str, Any]
    opened_at: datetime
    entered_at: datetime
    owners: list[tuple[Order, str | None, tuple[str, ...]]]
    entries: list[tuple[Order, str]]
    closed: list[Order] = field(default_factory=list)
    won: list[datetime] = field(default_factory=list)
    acts: dict[str, Act] = field(default_factory=dict)
    approvals: list[datetime] = field(default_factory=list)

    def counted(self) -> list[Act]:
        """Those on a deal that is closed count nowhere; nothing here reopens."""
        end = self.closed[0] if self.closed else None
        counted = [
            act
            for act in self.acts.values()
            if act.counts and not act.voided and (end is None or act.order < end)
        ]
        return sorted(counted, key=lambda act: act.order)

    def scopes(self, at: datetime) -> set[Scope]:
        held = [each for each in self.owners if each[0] <= (at, 1 << 62)] or self.owners[:1]
        _order, owner, path = held[-1]
        wholes: set[Scope] = {(unit, None) for unit in path}
        return wholes | {(unit, owner) for unit in path if owner}

    def is_closed_between(self, begun: Order, due: datetime) -> bool:
        return any(begun <= closed and closed[0] <= due for closed in self.closed)


def deals(events: Iterable[Told]) -> list[Deal]:
    found: dict[str, Deal] = {}
    for event in events:
        if "/opportunity/" in event.stream:
            _walk(found, event)
    return list(found.values())


def _walk(found: dict[str, Deal], event: Told) -> None:
    data, version = event.data, event.version
    if event.name == "opportunity_opened":
        opened_at = event.at("opened_at")
        found[data["opportunity_id"]] = Deal(
            opportunity_id=data["opportunity_id"],
            customer_id=data["customer_id"],
            customer_type=data["customer_type"],
            lights=data["pipeline"]["lights"],
            opened_at=opened_at,
            entered_at=event.recorded_at,
            owners=[((opened_at, version), data["owner_id"], tuple(data["unit_path"]))],
            entries=[((opened_at, version), data["stage"])],
        )
        return
    deal = found[data["opportunity_id"]]
    match event.name:
        case "opportunity_withdrawn":
            del found[data["opportunity_id"]]
        case "stage_changed":
            deal.entries.append(((event.at("changed_at"), version), data["to_stage"]))
        case "opportunity_assigned":
            held = ((event.at("assigned_at"), version), data["owner_id"], tuple(data["unit_path"]))
            deal.owners.append(held)
        case "opportunity_won":
            deal.closed.append((event.at("won_at"), version))
            deal.won.append(event.at("won_at"))
        case "opportunity_lost":
            deal.closed.append((event.at("lost_at"), version))
        case "approval_requested":
            deal.approvals.append(event.at("requested_at"))
        case "action_logged":
            deal.acts[data["action_id"]] = _act(event)
        case "visit_passed_on" | "opportunity_customer_changed":
            pass
        case _:
            _amend(deal, event)


def _act(event: Told) -> Act:
    data, happened_at = event.data, event.at("happened_at")
    asked = data["fields"].get("customer_questions") or 0
    return Act(
        order=(happened_at, event.version),
        type=data["type"],
        actor=data["actor_id"],
        path=tuple(data["actor_unit_path"]),
        late=event.recorded_at - happened_at,
        characters=data["summary_characters"],
        questions=int(asked),
        inbound=data["direction"] == "inbound",
        counts=not data["invalid_reasons"],
        pain_point=bool(data["pain_point"]),
        next_step=data["next_action"] is not None,
    )


def _amend(deal: Deal, event: Told) -> None:
    data, act = event.data, deal.acts[event.data["action_id"]]
    when = {
        "visit_started": ("scanned_at", "scan"),
        "visit_fields_filled": ("filled_at", "fields"),
        "visit_next_action_booked": ("booked_at", "next_action"),
        "visit_summarised": ("summarised_at", "summary"),
    }
    if event.name == "action_voided":
        act.voided = True
    elif event.name == "evidence_attached":
        kinds = [proof["kind"] for proof in data["evidence"]]
        act.steps += [(event.at("attached_at"), event.version, kind) for kind in kinds]
    else:
        name, kind = when[event.name]
        act.steps.append((event.at(name), event.version, kind))
    if event.name == "visit_summarised":
        act.characters = data["summary_characters"]
        act.pain_point = bool(data["pain_point"])
    if event.name == "visit_next_action_booked":
        act.next_step = True
    if "invalid_reasons" in data:
        act.counts = not data["invalid_reasons"]


def visits(deal: Deal) -> Iterator[Act]:
    """Complete ones in nodes."""
    for act in deal.counted():
        if any(kind == "scan" for _at, _version, kind in act.steps):
            yield act


def path_of(deal: Deal, visit: Act) -> list[str]:
    ends = max(at for at, _version, _kind in visit.steps)
    begins = visit.order[0]
    marks = list(visit.steps)
    for act in deal.counted():
        same = act is not visit and act.actor == visit.actor
        if same and begins <= act.order[0] <= ends:
            kind = "issued" if act.type in ("sample", "quote") else "other"
            marks.append((*act.order, kind))
    marks += [(at, 0, "approval") for at in deal.approvals if begins <= at <= ends]
    return [kind for _at, _version, kind in sorted(marks)]


def distance(one: list[str], other: list[str]) -> int:
    """Levenshtein's, by the textbook."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
    return row[-1]


def action_health(events: Iterable[Told], window: Window) -> dict[Scope, dict[str, float | None]]:
    """P4 of every unit and rep with something in a window that is half-open."""
    recorded: dict[Scope, list[bool]] = defaultdict(list)
    paths: dict[Scope, dict[str, list[tuple[datetime, list[str]]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for deal in deals(events):
        for act in deal.counted():
            if act.actor is not None and window[0] <= act.order[0] < window[1]:
                for scope in act.scopes:
                    recorded[scope].append(act.late <= 24 * HOUR)
        for visit in visits(deal):
            if window[0] <= visit.order[0] < window[1]:
                for scope in visit.scopes:
                    walked = (visit.order[0], path_of(deal, visit))
                    paths[scope][deal.customer_type or ""].append(walked)
    return {scope: _index(recorded[scope], paths[scope]) for scope in set(recorded) | set(paths)}


def _index(
    timely: list[bool], paths: dict[str, list[tuple[datetime, list[str]]]]
) -> dict[str, float | None]:
    every = [path for by_type in paths.values() for _at, path in by_type]
    alike, weight = 0.0, 0
    for of_type in paths.values():
        if len(of_type) >= 3:
            last = [path for _at, path in sorted(of_type)[-3:]]
            pairs = [1 - distance(a, b) / max(len(a), len(b)) for a, b in combinations(last, 2)]
            alike += sum(pairs) / 3 * len(of_type)
            weight += len(of_type)
    parts = {
        "timeliness": sum(timely) / len(timely) if timely else None,
        "richness": sum(len(RICH & set(path)) for path in every) / len(every) if every else None,
        "consistency": alike / weight if weight else None,
    }
    norms = {"timeliness": 0.95, "richness": 3.2, "consistency": 0.78}
    reached = [min(1, part / norms[name]) for name, part in parts.items() if part is not None]
    return {**parts, "index": 100 * sum(reached) / len(reached) if reached else None}


def traffic_lights(
    events: Iterable[Told], window: Window
) -> dict[tuple[Scope, str], tuple[int, int]]:
    """P8: met and due by scope and light."""
    found: dict[tuple[Scope, str], list[int]] = defaultdict(lambda: [0, 0])
    for deal in deals(events):
        for light, at, is_met in _judged(deal):
            if window[0] <= at < window[1]:
                for scope in deal.scopes(at):
                    found[scope, light][0] += is_met
                    found[scope, light][1] += 1
    return {key: (met, due) for key, (met, due) in found.items()}


def _judged(deal: Deal) -> Iterator[tuple[str, datetime, bool]]:
    due = deal.opened_at + timedelta(seconds=deal.lights["entered_seconds"])
    yield "entered", min(deal.entered_at, due), deal.entered_at <= due
    proposals = [act for act in deal.counted() if act.type in ("proposal_sent", "proposal_revised")]
    for order, stage in deal.entries:
        if stage == deal.lights["proposal_stage"]:
            due = order[0] + timedelta(seconds=deal.lights["proposal_seconds"])
            sent = [act.order[0] for act in proposals if act.type == "proposal_sent"]
            if sent and sent[0] <= due:
                yield "proposal", max(sent[0], order[0]), True
            elif not deal.is_closed_between(order, due):
                yield "proposal", due, False
            break
    inbound = [act.order for act in deal.counted() if act.inbound]
    for number, proposal in enumerate(proposals):
        due = proposal.order[0] + timedelta(seconds=deal.lights["reaction_seconds"])
        later = [act.order for act in proposals[number + 1 :]][:1]
        reacted = [
            order for order in inbound if order > proposal.order and (not later or order < later[0])
        ][:1]
        if reacted and reacted[0][0] <= due:
            yield "reaction", reacted[0][0], True
        elif later and later[0][0] <= due:
            continue
        elif not deal.is_closed_between(proposal.order, due):
            yield "reaction", due, False


def revisions(events: Iterable[Told], at: datetime) -> dict[str, tuple[int, int]]:
    """P13: open deals revised more than three times with fewer than two questions."""
    found = {}
    for deal in deals(events):
        acts = [act for act in deal.counted() if act.order[0] <= at]
        revised = sum(act.type == "proposal_revised" for act in acts)
        asked = sum(act.questions for act in acts)
        is_open = deal.opened_at <= at and not any(closed[0] <= at for closed in deal.closed)
        if is_open and revised > 3 and asked < 2:
            found[deal.opportunity_id] = (revised, asked)
    return found


def incomplete(events: Iterable[Told], at: datetime) -> set[tuple[str, str]]:
    """O4: visits still lacking a node over 24 h after their scan, or that got it too late."""
    found = set()
    for deal in deals(events):
        for action_id, act in deal.acts.items():
            if act.voided or not any(kind == "scan" for *_, kind in act.steps):
                continue
            due = act.order[0] + 24 * HOUR
            done = max(when for when, _version, kind in act.steps if kind in NODES)
            if due < at and not (act.counts and done <= due):
                found.add((deal.opportunity_id, action_id))
    return found


def first_visits(
    events: Iterable[Told], window: Window, now: datetime
) -> dict[Scope, tuple[int, int]]:
    """P9: customers won within 90 days without a second visit, of those first visited."""
    visited: dict[str, list[tuple[Order, set[Scope]]]] = defaultdict(list)
    won: dict[str, list[datetime]] = defaultdict(list)
    for deal in deals(events):
        for act in deal.counted():
            if act.type == "visit":
                visited[deal.customer_id].append((act.order, act.scopes))
        won[deal.customer_id] += deal.won
    found: dict[Scope, list[int]] = defaultdict(lambda: [0, 0])
    for customer_id, visits_to in visited.items():
        times = sorted(order[0] for order, _scopes in visits_to)
        (first, _), scopes = min(visits_to, key=lambda each: each[0])
        if not window[0] <= first < window[1] or first + 90 * DAY > now:
            continue
        wins = sorted(at for at in won[customer_id] if first <= at <= first + 90 * DAY)
        at_once = bool(wins) and not any(first < at <= wins[0] for at in times)
        for scope in scopes:
            found[scope][0] += at_once
            found[scope][1] += 1
    return {scope: (closed, count) for scope, (closed, count) in found.items()}


def days_with_two(events: Iterable[Told], window: Window, zone: str) -> dict[Scope, set[date]]:
    """P9: per rep the days with two qualified actions."""
    counts: dict[tuple[Scope, date], int] = defaultdict(int)
    for deal in deals(events):
        for act in deal.counted():
            if act.characters >= 10 and window[0] <= act.order[0] < window[1]:
                day = act.order[0].astimezone(ZoneInfo(zone)).date()
                for scope in act.scopes:
                    counts[scope, day] += 1
    found: dict[Scope, set[date]] = defaultdict(set)
    for (scope, day), count in counts.items():
        if scope[1] is not None and count >= 2:
            found[scope].add(day)
    return dict(found)


def qualities(events: Iterable[Told], window: Window) -> dict[Scope, tuple[int, int, int]]:
    """P9: qualified actions, those with a pain point mentioned, those with the next step booked."""
    found: dict[Scope, list[int]] = defaultdict(lambda: [0, 0, 0])
    for deal in deals(events):
        for act in deal.counted():
            if act.actor and act.characters >= 10 and window[0] <= act.order[0] < window[1]:
                for scope in act.scopes:
                    for place, counts in enumerate((True, act.pain_point, act.next_step)):
                        found[scope][place] += counts
    return {scope: (each[0], each[1], each[2]) for scope, each in found.items()}


@dataclass
class Lead:
    customer_id: str
    captured_at: datetime
    held: list[tuple[datetime, str | None, tuple[str, ...]]]
    status: list[tuple[datetime, str]]
    budget: list[tuple[datetime, bool, bool]]
    scores: list[tuple[datetime, float]] = field(default_factory=list)


def leads(events: Iterable[Told]) -> list[Lead]:
    found: dict[str, Lead] = {}
    for event in events:
        data = event.data
        lead = found.get(data.get("lead_id", ""))
        if event.name == "lead_captured":
            at = event.at("captured_at")
            found[data["lead_id"]] = Lead(
                customer_id=data["customer_id"],
                captured_at=at,
                held=[(at, None, tuple(data["unit_path"]))],
                status=[(at, "captured")],
                budget=[(at, _is_known(data), bool(data["core_needs"]))],
            )
        elif lead is None:
            continue
        elif event.name == "lead_fields_changed":
            lead.budget.append((event.at("changed_at"), _is_known(data), bool(data["core_needs"])))
        elif event.name == "lead_scored":
            lead.scores.append((event.at("judged_at"), data["score"]))
        elif event.name == "lead_assigned":
            at = event.at("assigned_at")
            lead.held.append((at, data["owner_id"], tuple(data["unit_path"])))
            lead.status.append((at, "assigned"))
        elif event.name == "lead_unit_changed":
            moved = (event.at("changed_at"), data["owner_id"], tuple(data["unit_path"]))
            lead.held.append(moved)
        elif event.name in ("lead_returned", "lead_disqualified", "lead_released"):
            status = event.name.removeprefix("lead_")
            lead.status.append((event.at(f"{status}_at"), status))
    return list(found.values())


def _is_known(data: dict[str, Any]) -> bool:
    return data["budget_status"] not in (None, "untouched")


def valid_leads(events: Iterable[Told], window: Window) -> dict[Scope, int]:
    """P9: first assigned in the window, and valid at its end, with whoever has them then."""
    found: dict[Scope, int] = defaultdict(int)
    for lead in leads(events):
        assigned = [at for at, status in lead.status if status == "assigned"]
        if not assigned or not window[0] <= assigned[0] < window[1]:
            continue
        status = [each for at, each in lead.status if at < window[1]][-1]
        known = [each for at, each, _ in lead.budget if at < window[1]][-1]
        if status == "assigned" and known:
            _at, owner, path = [each for each in lead.held if each[0] < window[1]][-1]
            for unit in path:
                found[unit, None] += 1
                if owner:
                    found[unit, owner] += 1
    return dict(found)


def second_records(events: list[Told]) -> set[str]:
    """Merged customers, and those who share a mark with one who was there before and is neither
    the same nor told apart; by comparing every two."""
    marks: dict[str, set[str]] = {}
    began: dict[str, tuple[datetime, str]] = {}
    into: dict[str, str] = {}
    apart: list[tuple[str, str]] = []
    for event in events:
        data = event.data
        customer = data.get("customer_id", "")
        if event.name in ("customer_registered", "customer_described"):
            marks[customer] = set(data["marks"])
            if marks[customer]:
                began.setdefault(customer, (event.recorded_at, customer))
            apart += [(customer, other) for other in data["distinct_from"]]
        elif event.name == "customer_merged":
            into[customer] = data["into_customer_id"]
        elif event.name == "customer_merge_undone":
            del into[customer]
        elif event.name == "customers_kept_apart":
            apart.append((customer, data["other_customer_id"]))

    def named(customer: str) -> str:
        return named(into[customer]) if customer in into else customer

    told_apart = [{named(one), named(other)} for one, other in apart]
    found = set(into)
    for one, other in combinations(sorted(marks), 2):
        both = {named(one), named(other)}
        if marks[one] & marks[other] and len(both) == 2 and both not in told_apart:
            found.add(max(both, key=lambda each: began[each]))
    return found


def data_quality(events: list[Told], window: Window) -> dict[str, tuple[int, int, int]]:
    """P14 by unit: leads captured, duplicates among them, shared fields filled."""
    doubles = second_records(events)
    roles: dict[str, bool] = {}
    for event in events:
        if event.name in ("customer_registered", "customer_described"):
            roles[event.data["customer_id"]] = bool(event.data["decision_chain"])
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for lead in leads(events):
        if not window[0] <= lead.captured_at < window[1]:
            continue
        _at, budget, needs = [each for each in lead.budget if each[0] < window[1]][-1]
        filled = budget + needs + roles.get(lead.customer_id, False)
        for unit in [each for each in lead.held if each[0] < window[1]][-1][2]:
            found[unit][0] += 1
            found[unit][1] += lead.customer_id in doubles
            found[unit][2] += filled
    return {unit: (count, twice, filled) for unit, (count, twice, filled) in found.items()}
