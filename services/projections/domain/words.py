"""What boards say in sentences, in Chinese and English; beside it only the words of figures."""

from collections.abc import Mapping

from services.projections.domain.behaviour_words import BEHAVIOUR_WORDS
from services.projections.domain.figure_words import FIGURE_WORDS

LANGUAGES = ("zh", "en")

_WORDS: Mapping[str, Mapping[str, str]] = {
    **FIGURE_WORDS,
    **BEHAVIOUR_WORDS,
    "stuck": {
        "en": "{count} {opportunities} stuck in {stage} for over {days} days{key}: "
        "call {people} together {by}.",
        "zh": "{count} 个商机卡在{stage}超过 {days} 天{key}：{by}约{people}碰头。",
    },
    "silent": {
        "en": "{count} {opportunities} in {stage} silent for longer than allowed{key}: "
        "have {people} get in touch {by}.",
        "zh": "{count} 个商机在{stage}静默超时{key}：{by}请{people}联系客户。",
    },
    "key_industry": {"en": ", {count} of them key industry", "zh": "，其中 {count} 个重点行业"},
    "before_today": {"en": "before {time}", "zh": "{time} 前"},
    "before_next": {
        "en": "before {time} on {day}, the next working day",
        "zh": "下一个工作日 {day} {time} 前",
    },
    "opportunities.one": {"en": "opportunity is", "zh": "商机"},
    "opportunities.many": {"en": "opportunities are", "zh": "商机"},
    "nobody": {"en": "the team", "zh": "团队"},
    "and": {"en": " and ", "zh": "、"},
    "comma": {"en": ", ", "zh": "、"},
    "agenda.list": {"en": "Go through the list, worst first.", "zh": "从最严重的开始逐个过。"},
    "agenda.obstacle": {
        "en": "For each: what is in the way, and who removes it.",
        "zh": "逐个说清：卡在哪里，谁来解决。",
    },
    "agenda.next": {
        "en": "For each: the next action and its day, entered before you part.",
        "zh": "逐个约定：下一步动作和日期，散会前录入。",
    },
    "why.stalled": {
        "en": "Nothing that ends silence happened in {stage} from {since} until the limit of "
        "{limit_hours} h passed at {due_at}.",
        "zh": "{stage}阶段自 {since} 起没有任何打破静默的动作，"
        "{limit_hours} 小时的限额于 {due_at} 用完。",
    },
    "why.stage_overdue": {
        "en": "The opportunity has been in {stage} since {since}; the limit of {limit_hours} h "
        "passed at {due_at}.",
        "zh": "商机自 {since} 停留在{stage}，{limit_hours} 小时的限额于 {due_at} 用完。",
    },
    "why.golden_action_overdue": {
        "en": "The golden action {action} of {stage}, whose limit runs from {since}, was not done "
        "with its evidence by {due_at}.",
        "zh": "{stage}的黄金动作「{action}」（自 {since} 起算）到 {due_at} 仍未带凭证完成。",
    },
    "why.lead_waits": {
        "en": "Since {due_at} nobody of the unit was eligible for the lead.",
        "zh": "自 {due_at} 起，该组织单元没有可分配此线索的销售。",
    },
    "why.lead_sales_late": {
        "en": "The lead was good enough, but was followed up so late that it went back to "
        "marketing at {due_at}.",
        "zh": "线索本身达标，但因跟进过晚于 {due_at} 退回市场。",
    },
    "why.lead_sleeps": {
        "en": "The lead was contacted once; a second contact was due at {due_at}.",
        "zh": "线索只联系过一次，第二次联系应在 {due_at} 前完成。",
    },
    "why.health_low": {
        "en": "Its health was {score}, below {low_below}, at the end of two days in a row, the"
        " first of them {low_since}.",
        "zh": "健康分连续两天日终低于 {low_below}（自 {low_since} 起），现为 {score}。",
    },
    "why.records_in_doubt": {
        "en": "Records of {rep_id} are in doubt by the rule {doubt}: look at the proof and decide.",
        "zh": "{rep_id} 的 {records} 条记录被规则 {doubt} 质疑，请查看证据并判定。",
    },
    "why.health.part": {
        "en": "{input}: measured {measured:g}, {points:g} points.",
        "zh": "{input}：测得 {measured:g}，计 {points:g} 分。",
    },
    "why.health.missing": {
        "en": "Nothing is known of {missing}; they do not count.",
        "zh": "以下各项没有数据，不计分：{missing}。",
    },
    "why.conversion.part": {
        "en": "{name} {value}: {points:+g}.",
        "zh": "{name} {value}：{points:+g}。",
    },
    "why.wording": {
        "en": "What may be said next: {wording}",
        "zh": "可以这样说：{wording}",
    },
    "why.lead_appealed": {
        "en": "The rep asked at {due_at} for the lead to be scored again.",
        "zh": "销售于 {due_at} 请求对线索重新评分。",
    },
    "why.first_response_slow": {
        "en": "Over the days until {due_at} the unit's median first response took {recent_hours} h "
        "({recent_responses} responses), before that {before_hours} h ({before_responses}).",
        "zh": "截至 {due_at} 的最近几天，该单元首次响应中位数为 {recent_hours} 小时"
        "（{recent_responses} 次），此前为 {before_hours} 小时（{before_responses} 次）。",
    },
    "why.channel_failing": {
        "en": "The channel delivered too small a share of its messages in the 24 h before "
        "{due_at}.",
        "zh": "截至 {due_at} 的 24 小时内，该通道的投递率过低。",
    },
    "why.next_action_due": {
        "en": "The next action booked at {booked_at} was due at {due_at} and did not happen.",
        "zh": "{booked_at} 约定的下一步动作应于 {due_at} 前完成，到时未发生。",
    },
    "why.next_action_reminder": {
        "en": "The next action booked at {booked_at} is due at {next_due_at}.",
        "zh": "{booked_at} 约定的下一步动作将于 {next_due_at} 到期。",
    },
    "why.approval_overdue": {
        "en": "Step {step} of the approval {approval_id}, to be decided by {role}, has waited "
        "since {since}; its limit of {limit_hours} h passed at {due_at}.",
        "zh": "审批 {approval_id} 的第 {step} 步（{role}）自 {since} 等待，"
        "{limit_hours} 小时的限额于 {due_at} 用完。",
    },
    "why.no_response": {
        "en": "{contacts} contacts in a row since {since} went out without a reaction of the "
        "customer, the last at {due_at}.",
        "zh": "自 {since} 起连续 {contacts} 次联系客户没有回应，最后一次在 {due_at}。",
    },
    "why.evidence_reused": {
        "en": "The same photo or recording (SHA-256 {sha256}) had proved the action "
        "{first_action_id} of opportunity {first_opportunity_id} at {since} when it was used for "
        "the action {action_id} of {due_at}.",
        "zh": "同一照片或录音（SHA-256 {sha256}）已于 {since} 用作商机 {first_opportunity_id} "
        "的动作 {first_action_id} 的凭证，又用于 {due_at} 的动作 {action_id}。",
    },
    "why.workshop_proposed": {
        "en": "In week {window} of unit {unit}, outside the healthy range: {parts}.",
        "zh": "单元 {unit} 在 {window} 周超出健康范围的部分：{parts}。",
    },
    "why.pipeline": {
        "en": "The limit is that of pipeline {pipeline}, version {pipeline_version}.",
        "zh": "限额来自销售流程 {pipeline} 第 {pipeline_version} 版。",
    },
    "why.state.open": {"en": "Nothing has ended it yet.", "zh": "至今没有任何事件使其结束。"},
    "why.state.resolved": {"en": "It ended at {ended_at}.", "zh": "已于 {ended_at} 结束。"},
    "why.state.retracted": {
        "en": "It was taken back: what ends it had happened in time, or its cause counts no more.",
        "zh": "已撤回：事后得知在限额内已有动作，或其起因不再有效。",
    },
    "why.state.retracted.due-moved": {
        "en": "It was taken back: by what was published since, it was due later.",
        "zh": "已撤回：按后来公布的日历，限额的到期时间更晚。",
    },
    "why.state.retracted.end-disproved": {
        "en": "It was taken back: what had ended it does not count.",
        "zh": "已撤回：使其结束的事件不再有效。",
    },
    "why.state.retracted.subject-withdrawn": {
        "en": "It was taken back with the import that had made what it is about.",
        "zh": "已撤回：其所涉对象由某次导入产生，该导入已被撤销。",
    },
    "why.state.retracted.healthy-after-all": {
        "en": "It was taken back: with what came in late, the week was healthy.",
        "zh": "已撤回：补录之后，该周处于健康范围。",
    },
    "why.week_over": {
        "en": "The week after it was over at {ended_at}; what it shows is said of that week.",
        "zh": "下一周已于 {ended_at} 结束，此后以下一周的结果为准。",
    },
    "why.historical": {
        "en": "It was found in history: nobody was told when it fell due.",
        "zh": "这是在历史数据中发现的，到期时没有通知任何人。",
    },
    "why.event": {
        "en": "{type} happened at {occurred_at}; {actor} recorded it at {recorded_at}.",
        "zh": "{type} 发生于 {occurred_at}，由{actor}在 {recorded_at} 记录。",
    },
    "why.event_signals": {
        "en": "Signals that began or ended with it: {rules}.",
        "zh": "由它引起或结束的信号：{rules}。",
    },
    "why.escalation_opened": {
        "en": "It was escalated at {at} by policy {policy}.",
        "zh": "已于 {at} 按策略 {policy} 升级。",
    },
    "why.escalation_told": {
        "en": "Step {level}: {people} to be told at {at}.",
        "zh": "第 {level} 步：{at} 通知{people}。",
    },
    "why.escalation_acknowledged": {
        "en": "{by} acknowledged it at {at}.",
        "zh": "{by}于 {at} 确认。",
    },
    "why.escalation_snoozed": {
        "en": "{by} put it off until {until} at {at}.",
        "zh": "{by}于 {at} 推迟到 {until}。",
    },
    "why.escalation_handed_over": {
        "en": "{by} handed it over to {to} at {at}.",
        "zh": "{by}于 {at} 转交给{to}。",
    },
    "why.escalation_resolved": {
        "en": "{by} resolved the escalation at {at}: {reason}.",
        "zh": "{by}于 {at} 解决升级：{reason}。",
    },
    "system": {"en": "the system", "zh": "系统"},
}


def say(words: str, language: str, **values: object) -> str:
    """The sentence in that language, else in English. Raises KeyError for unknown words."""
    sentence = _WORDS[words]
    return sentence[language if language in LANGUAGES else "en"].format(**values)


def has_words(words: str) -> bool:
    return words in _WORDS


def listed(names: list[str], language: str) -> str:
    """Names as people list them: a, b and c; 甲、乙、丙."""
    if not names:
        return say("nobody", language)
    head, last = names[:-1], names[-1]
    if not head:
        return last
    return say("comma", language).join(head) + say("and", language) + last
