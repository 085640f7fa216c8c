"""The policies that every tenant begins with; each can be replaced or removed (N2)."""

from shared.events.notifications import PolicyDefinition, PolicyStep

EVERY_RULE = "*"
_HOUR = 3600
_DAY = 24 * _HOUR
_AT_ONCE = ("inbox", "robot", "sms", "email")

_OWNER_AT_ONCE = PolicyStep(after_seconds=0, to="owner", channels=_AT_ONCE)
_MANAGER_AT_ONCE = PolicyStep(after_seconds=0, to="manager", channels=_AT_ONCE)
_MANAGER_AFTER_FOUR_HOURS = PolicyStep(
    after_seconds=4 * _HOUR, to="manager", channels=_AT_ONCE, in_business_hours=True
)
_DIRECTOR_AFTER_A_DAY = PolicyStep(after_seconds=_DAY, to="director", channels=_AT_ONCE)
_ADMINISTRATORS_AT_ONCE = PolicyStep(after_seconds=0, to="role:administrator", channels=_AT_ONCE)
_UP_THE_CHAIN = (_OWNER_AT_ONCE, _MANAGER_AFTER_FOUR_HOURS, _DIRECTOR_AFTER_A_DAY)

DEFAULT_POLICIES = (
    PolicyDefinition(
        name="every-other-signal",
        rules=(EVERY_RULE,),
        steps=_UP_THE_CHAIN,
        repeat_seconds=_DAY,
        title={"zh": "其余信号", "en": "Every other signal"},
    ),
    PolicyDefinition(
        name="opportunity-stands-still",
        rules=("stalled", "stage_overdue", "next_action_due", "no_response"),
        steps=_UP_THE_CHAIN,
        repeat_seconds=_DAY,
        title={"zh": "商机停滞", "en": "An opportunity stands still"},
    ),
    PolicyDefinition(
        name="golden-action-missing",
        rules=("golden_action_overdue",),
        steps=(_OWNER_AT_ONCE, _MANAGER_AT_ONCE, _DIRECTOR_AFTER_A_DAY),
        repeat_seconds=_DAY,
        title={"zh": "黄金动作超时", "en": "A golden action is overdue"},
    ),
    PolicyDefinition(
        name="approval-waits",
        rules=("approval_overdue",),
        steps=(_OWNER_AT_ONCE, _MANAGER_AT_ONCE, _DIRECTOR_AFTER_A_DAY),
        repeat_seconds=_DAY,
        title={"zh": "审批超时", "en": "An approval waits"},
    ),
    PolicyDefinition(
        name="evidence-in-doubt",
        rules=("evidence_reused", "records_in_doubt"),
        steps=(_MANAGER_AT_ONCE, _DIRECTOR_AFTER_A_DAY),
        repeat_seconds=_DAY,
        title={"zh": "凭证存疑", "en": "Evidence is in doubt"},
    ),
    PolicyDefinition(
        name="health-stays-low",
        rules=("health_low",),
        steps=(_OWNER_AT_ONCE, _MANAGER_AT_ONCE, _DIRECTOR_AFTER_A_DAY),
        title={"zh": "健康分持续偏低", "en": "Health stays low"},
    ),
    PolicyDefinition(
        name="lead-needs-a-manager",
        rules=("lead_waits", "lead_sales_late", "lead_appealed"),
        steps=(_MANAGER_AT_ONCE, _DIRECTOR_AFTER_A_DAY),
        title={"zh": "线索需要主管处理", "en": "A lead needs a manager"},
    ),
    PolicyDefinition(
        name="reminder",
        rules=("next_action_reminder",),
        steps=(_OWNER_AT_ONCE,),
        title={"zh": "提醒", "en": "Reminder"},
    ),
    PolicyDefinition(
        name="unit-out-of-range",
        rules=(
            "workshop_proposed",
            "coach_needed",
            "light_red",
            "goal_red",
            "first_response_slow",
        ),
        steps=(
            PolicyStep(after_seconds=0, to="manager", channels=_AT_ONCE, in_business_hours=True),
            PolicyStep(
                after_seconds=16 * _HOUR, to="director", channels=_AT_ONCE, in_business_hours=True
            ),
        ),
        title={"zh": "团队指标越界", "en": "A unit's figure is out of range"},
    ),
    PolicyDefinition(
        name="channel-fails",
        rules=("channel_failing", "webhook_disabled"),
        steps=(_ADMINISTRATORS_AT_ONCE,),
        repeat_seconds=_DAY,
        title={"zh": "通道投递失败", "en": "A channel fails to deliver"},
    ),
)
