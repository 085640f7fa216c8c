"""Other rules of lead scores go live once it was seen what they change (S1)."""

from collections.abc import Mapping
from datetime import datetime

from services.directory.domain.tenant_state import Live, value_at
from shared.errors import DomainError, FieldProblem
from shared.events.directory import SettingValue
from shared.lead_rules import LEAD_RULE_SETTINGS, LeadRuleChange, comparison_of


class LeadRulesAreNotCompared(DomainError):
    """With those in force, or these have changed since."""

    code = "lead-rules-are-not-compared"


def refuse_uncompared(
    tenant: Live, settings: Mapping[str, SettingValue], now: datetime, comparison: str | None
) -> None:
    """Raises LeadRulesAreNotCompared unless `comparison` is the one of exactly these changes."""
    changes = [
        LeadRuleChange(name, before, settings[name])
        for name in LEAD_RULE_SETTINGS
        if name in settings and (before := value_at(tenant, name, now)) != settings[name]
    ]
    if not changes or comparison == comparison_of(changes):
        return
    names = ", ".join(change.name for change in changes)
    raise LeadRulesAreNotCompared(
        f"compare {names} with the rules in force (/lead-rules/comparison), then name its "
        "`comparison` here",
        errors=[
            FieldProblem(f"settings.{change.name}", "not-compared", "see first what it changes")
            for change in changes
        ],
    )
