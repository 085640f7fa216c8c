"""What a change of the rules of lead scores would change, by the leads that are judged now (S1)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from services.leads.domain.lead_state import LeadFacts
from services.leads.domain.rule_comparison import LeadMove, ScoringRules, side_by_side
from services.leads.queries.leads import LEADS, score_rules
from shared.errors import DomainError, FieldProblem, Malformed
from shared.events.directory import SettingValue
from shared.lead_rules import LEAD_RULE_SETTINGS, LeadRuleChange, comparison_of
from shared.organisation import Organisation
from shared.ports import Ports
from shared.tenant_settings import TENANT_SETTINGS, setting_problems

_JUDGED = ("captured", "assigned", "contacted")
_WORDS: Mapping[str, SettingValue] = {"true": True, "false": False}


class NothingIsToChange(DomainError):
    """No other rules are named, and none are announced."""

    code = "nothing-is-to-change"


async def compared_rules(
    ports: Ports, organisation: Organisation, wanted: Mapping[str, SettingValue]
) -> dict[str, Any]:
    """The rules in force beside those wanted; none wanted: beside those that are announced, which
    go live at a moment to come. `comparison` is what a change of these settings has to name.

    Raises NothingIsToChange, Malformed for a setting that is none of these rules, or its value.
    """
    clock = organisation.clock(ports.clock())
    _refuse_unfit(wanted)
    coming = dict(wanted) or _announced(organisation, clock)
    changes = [
        LeadRuleChange(name, before, coming[name])
        for name in sorted(coming)
        if (before := organisation.setting(name, clock)) != coming[name]
    ]
    if not changes:
        raise NothingIsToChange("name the rules to compare with, or announce a change of them")
    found = side_by_side(
        await _judged(ports, organisation.tenant_id),
        _rules(organisation, clock, {}),
        _rules(organisation, clock, {change.name: change.after for change in changes}),
        clock,
    )
    return {
        "as_of": clock,
        "comparison": comparison_of(changes),
        "changes": [change._asdict() for change in changes],
        "leads": found.leads,
        "moved": found.moved,
        "mean": {"before": found.mean_before, "after": found.mean_after},
        "returned": {"before": found.returned_before, "after": found.returned_after},
        "high_value": {"before": found.high_value_before, "after": found.high_value_after},
        "rows": [_row(each) for each in found.moves],
    }


def told_settings(told: list[str]) -> dict[str, SettingValue]:
    """`NAME=VALUE`, as they are typed. Raises Malformed."""
    found: dict[str, SettingValue] = {}
    for each in told:
        name, equals, text = each.partition("=")
        try:
            found[name] = _WORDS[text] if text in _WORDS else int(text)
        except ValueError:
            equals = ""
        if not equals:
            problem = FieldProblem("set", "not-a-setting", "NAME=VALUE, the value a whole number")
            raise Malformed(f"{each!r} is no setting", errors=[problem])
    return found


def _refuse_unfit(wanted: Mapping[str, SettingValue]) -> None:
    problems = [
        FieldProblem(
            f"settings.{name}", "no-rule-of-leads", f"one of {', '.join(LEAD_RULE_SETTINGS)}"
        )
        for name in sorted(wanted)
        if name in TENANT_SETTINGS and name not in LEAD_RULE_SETTINGS
    ]
    problems += setting_problems(wanted)
    if problems:
        raise Malformed("these rules cannot be compared", errors=problems)


def _announced(organisation: Organisation, clock: datetime) -> dict[str, SettingValue]:
    """The last of each that takes effect after the clock."""
    return {
        name: changes[-1].value
        for name in LEAD_RULE_SETTINGS
        if (changes := organisation.setting_changes(name))
        and changes[-1].effective_at is not None
        and changes[-1].effective_at > clock
    }


def _rules(
    organisation: Organisation, clock: datetime, instead: Mapping[str, SettingValue]
) -> ScoringRules:
    high_value: Any = instead.get(
        "high_value_lead_score", organisation.setting("high_value_lead_score", clock)
    )
    return ScoringRules(
        score=score_rules(organisation, clock, instead), high_value=float(high_value)
    )


async def _judged(ports: Ports, tenant_id: str) -> list[LeadFacts]:
    table = LEADS.rows
    query = (
        select(table.c.body)
        .where(table.c.tenant_id == tenant_id, table.c.status.in_(_JUDGED))
        .order_by(table.c.key)
    )
    async with ports.read_store.reading() as connection:
        return [LEADS.decode(body).facts for body in (await connection.execute(query)).scalars()]


def _row(move: LeadMove) -> dict[str, Any]:
    return {
        "lead_id": move.lead_id,
        "unit_id": move.unit_id,
        "owner_id": move.owner_id,
        "before": {"total": move.before.total, **move.before._asdict()},
        "after": {"total": move.after.total, **move.after._asdict()},
    }
