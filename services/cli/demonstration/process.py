"""How the demonstration sells: its pipelines and action types, with golden actions and limits."""

from dataclasses import replace

from services.opportunities.domain.action_type import DEFAULT_ACTION_TYPES
from services.opportunities.domain.evidence import (
    DOCUMENT,
    MINUTES,
    PHOTO_CONVERSATION,
    PHOTO_DISPLAY,
    PHOTO_STOREFRONT,
    SCREENSHOT,
)
from shared.events.opportunities import (
    ActionField,
    ActionTypeDefinition,
    GoldenAction,
    LightLimits,
    PipelineDefinition,
    StageDefinition,
)
from shared.events.visits import CustomerTypeDefinition

_HOUR = 3600
_DAY = 24 * _HOUR
TEMPLATES = ("客户态度良好，继续跟进。", "正常拜访，无异常。", "Customer is fine, will follow up.")
"""What records read like that were made up; an action that says no more is not valid (O15)."""


def _golden(
    action: str, evidence: tuple[str, ...], days: float | None, after: str | None = None
) -> GoldenAction:
    limit = None if days is None else int(days * _DAY)
    return GoldenAction(action=action, evidence=evidence, limit_seconds=limit, after=after)


def _stage(
    name: str,
    chinese: str,
    english: str,
    silence_days: float,
    *golden: GoldenAction,
) -> StageDefinition:
    return StageDefinition(
        name=name,
        silence_limit_seconds=int(silence_days * _DAY),
        dwell_limit_seconds=14 * _DAY,
        golden_actions=golden,
        title={"zh": chinese, "en": english},
    )


KEY_ACCOUNTS = PipelineDefinition(
    name="key_accounts",
    version=1,
    unmet="record",
    silence_in_business_time=True,
    dwell_in_business_time=True,
    stages=(
        _stage(
            "first_contact", "首次接触", "First contact", 3,
            _golden("visit", (PHOTO_STOREFRONT,), 12),
        ),
        _stage(
            "needs_confirmed", "需求确认", "Needs confirmed", 3,
            _golden("meeting", (MINUTES,), 15),
        ),
        _stage(
            "solution_shown", "方案展示", "Solution shown", 3,
            _golden("proposal_sent", (DOCUMENT,), 15),
        ),
        _stage(
            "objections_handled", "异议处理", "Objections handled", 4,
            _golden("feedback_received", (SCREENSHOT,), 20, "proposal_sent"),
        ),
        _stage(
            "ready_to_sign", "准备签约", "Ready to sign", 4,
            _golden("contract_sent", (DOCUMENT,), 16),
        ),
    ),
    win_from=("objections_handled", "ready_to_sign"),
    lights=LightLimits(proposal_stage="solution_shown", proposal_seconds=12 * _DAY),
)  # fmt: skip
"""Whatever is left out is recorded as a violation, with its reason."""

STORES = PipelineDefinition(
    name="stores",
    version=1,
    unmet="enforce",
    silence_in_business_time=True,
    dwell_in_business_time=True,
    stages=(
        _stage(
            "store_visited", "首次进店", "Store visited", 3,
            _golden("visit", (PHOTO_STOREFRONT, PHOTO_DISPLAY), 12),
        ),
        _stage(
            "sample_tried", "样品试用", "Sample tried", 4,
            _golden("sample", (PHOTO_CONVERSATION,), 15),
        ),
        _stage("first_order", "首单洽谈", "First order", 4, _golden("quote", (DOCUMENT,), 15)),
    ),
)  # fmt: skip
"""Nothing may be left out: a skip is refused."""

PIPELINES = (KEY_ACCOUNTS, STORES)

STORE = CustomerTypeDefinition(
    type="store",
    fields=(ActionField(name="out_of_stock", kind="text", required=True),),
    title={"zh": "门店", "en": "Store"},
)
"""What a visit to one has to find out."""
_WITH_MORE_TO_SAY = frozenset({"visit", "meeting", "call"})


def _defined(each: ActionTypeDefinition) -> ActionTypeDefinition:
    if each.type not in _WITH_MORE_TO_SAY:
        return each
    return replace(each, minimum_summary_characters=6, templates=TEMPLATES)


ACTION_TYPES = tuple(_defined(each) for each in DEFAULT_ACTION_TYPES)
TYPES_BY_NAME = {each.type: each for each in ACTION_TYPES}

SETTINGS = {"no_response_after": 7, "instruction_stuck_days": 5}
"""Of the tenant, from its first day on."""
