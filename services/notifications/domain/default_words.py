"""Our own words for every rule in Chinese and English, one term for each thing (N6)."""

from dataclasses import dataclass

OTHER_RULE = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """`title` stands above a message about one thing, `line` also in a digest of many."""

    title: str
    line: str


SUBJECTS = {
    ("opportunity", "zh"): "商机",
    ("opportunity", "en"): "Opportunity",
    ("lead", "zh"): "线索",
    ("lead", "en"): "Lead",
    ("customer", "zh"): "客户",
    ("customer", "en"): "Customer",
    ("unit", "zh"): "组织单元",
    ("unit", "en"): "Unit",
    ("person", "zh"): "人员",
    ("person", "en"): "Person",
    ("case", "zh"): "核查",
    ("case", "en"): "Case",
    ("channel", "zh"): "通道",
    ("channel", "en"): "Channel",
    ("webhook", "zh"): "Webhook",
    ("webhook", "en"): "Webhook",
}

_WHERE_ZH = "（阶段 {stage}，{unit}，负责人 {owner}，客户 {customer}）"
_WHERE_EN = " (stage {stage}, {unit}, owner {owner}, customer {customer})"


def _of_opportunity(
    title_zh: str, line_zh: str, title_en: str, line_en: str
) -> tuple[Words, Words]:
    return (
        Words(title=title_zh, line=line_zh + _WHERE_ZH),
        Words(title=title_en, line=line_en + _WHERE_EN),
    )


_BY_RULE: dict[str, tuple[Words, Words]] = {
    "stalled": _of_opportunity(
        "{subject} 静默超限",
        "{subject} 静默已超限 {hours_over} 小时，请联系客户并记录销售动作",
        "{subject} is silent",
        "{subject} is silent {hours_over} h over its limit: contact the customer, log the action",
    ),
    "stage_overdue": _of_opportunity(
        "{subject} 阶段停留超限",
        "{subject} 在当前阶段停留超限 {hours_over} 小时，请推进或说明原因",
        "{subject} overstays its stage",
        "{subject} is {hours_over} h over the limit of its stage: move it on or say why not",
    ),
    "golden_action_overdue": _of_opportunity(
        "{subject} 黄金动作超时",
        "{subject} 的黄金动作已超时 {hours_over} 小时，请完成并上传凭证",
        "{subject} lacks a golden action",
        "{subject}: a golden action is {hours_over} h overdue: do it and attach its evidence",
    ),
    "next_action_due": _of_opportunity(
        "{subject} 约定的下一步已到期",
        "{subject} 约定的下一步应于 {due_at} 完成，已超时 {hours_over} 小时",
        "{subject}: the next action is due",
        "{subject}: the booked next action was due {due_at}, {hours_over} h ago",
    ),
    "next_action_reminder": _of_opportunity(
        "{subject} 提醒：下一步即将到期",
        "{subject} 约定的下一步即将到期，请按时完成",
        "{subject}: reminder of the next action",
        "{subject}: the booked next action is due soon",
    ),
    "approval_overdue": _of_opportunity(
        "{subject} 审批超时",
        "{subject} 的审批已超时 {hours_over} 小时，请处理",
        "{subject}: an approval waits",
        "{subject}: an approval is {hours_over} h over its limit: decide it",
    ),
    "no_response": _of_opportunity(
        "{subject} 客户无回应",
        "{subject} 连续多次外呼没有客户回应，请换一种方式",
        "{subject}: no answer",
        "{subject}: several outbound contacts in a row without an answer: try another way",
    ),
    "evidence_reused": _of_opportunity(
        "{subject} 凭证重复使用",
        "{subject} 的一张照片或一段录音已用作另一个动作的凭证，请核实",
        "{subject}: evidence was used before",
        "{subject}: a photo or recording had proved another action already: look into it",
    ),
    "health_low": (
        Words(
            title="{subject} 健康分持续偏低",
            line="{subject} 健康分连续两天偏低，请主管一起跟进，话术见链接（{unit}，{owner}）",
        ),
        Words(
            title="{subject}: its health stays low",
            line="{subject} was low at the end of two days: manager and owner act together, the"
            " wording kit is behind the link ({unit}, owner {owner})",
        ),
    ),
    "records_in_doubt": (
        Words(
            title="{subject} 记录存疑", line="{subject}：{unit} 有销售记录存疑，请查看证据并判定"
        ),
        Words(
            title="{subject}: records are in doubt",
            line="{subject}: records of a rep in {unit} are in doubt; look at the proof and decide",
        ),
    ),
    "lead_waits": (
        Words(
            title="{subject} 无人可分配", line="{subject} 在 {unit} 没有可分配的销售，请安排人手"
        ),
        Words(
            title="{subject} waits: nobody is eligible",
            line="{subject} waits in {unit}: nobody is eligible; see to it that somebody is",
        ),
    ),
    "lead_sales_late": (
        Words(
            title="{subject} 因跟进过晚退回市场",
            line="{subject} 因 {unit} 跟进过晚退回市场（负责人 {owner}）",
        ),
        Words(
            title="{subject} was followed up too late",
            line="{subject} of {unit} went back to marketing: sales was late (owner {owner})",
        ),
    ),
    "lead_sleeps": (
        Words(
            title="{subject} 沉睡",
            line="{subject} 首次联系后一直没有再次跟进，请联系客户（{unit}，负责人 {owner}）",
        ),
        Words(
            title="{subject} sleeps",
            line="{subject} was contacted once and not again: get in touch ({unit}, {owner})",
        ),
    ),
    "lead_appealed": (
        Words(
            title="{subject} 分配申诉待处理",
            line="{owner} 请求对 {subject} 重新评分：请维持、重评或改派（{unit}）",
        ),
        Words(
            title="{subject} is appealed",
            line="{owner} asks for {subject} to be scored again: keep, rescore or reassign"
            " ({unit})",
        ),
    ),
    "first_response_slow": (
        Words(
            title="{unit} 首次响应变慢",
            line="{unit} 最近的线索首次响应时间明显变长，请查明原因",
        ),
        Words(
            title="{unit} answers its leads slowly",
            line="{unit}: first responses take much longer than before: find out why",
        ),
    ),
    "workshop_proposed": (
        Words(
            title="{unit} 建议召开工作坊",
            line="{unit} 的过程健康指标超出健康范围，建议与相关人员召开工作坊",
        ),
        Words(
            title="A workshop is proposed for {unit}",
            line="{unit}: the process health figures are out of range: hold a workshop",
        ),
    ),
    "visit_incomplete": (
        Words(
            title="{subject} 的拜访未完成",
            line="{subject} 的一次拜访已超时 {hours_over} 小时仍未完成，请补齐节点（{owner}）",
        ),
        Words(
            title="{subject}: a visit is incomplete",
            line="{subject}: a visit still lacks a node {hours_over} h after its limit:"
            " complete it ({owner})",
        ),
    ),
    "revisions_warning": _of_opportunity(
        "{subject} 方案多次修改",
        "{subject} 的方案反复修改而客户提问很少，请重新确认需求",
        "{subject}: revised again and again",
        "{subject}: the proposal was revised often while the customer asked little: confirm needs",
    ),
    "light_red": (
        Words(title="{unit} 有红灯", line="{unit} 上周有一项时效转为红灯，请查看红绿灯看板"),
        Words(
            title="A light of {unit} turned red",
            line="{unit}: one of last week's lights turned red: see the traffic lights",
        ),
    ),
    "goal_red": (
        Words(
            title="{unit} 首访成交率偏低",
            line="{unit} 有效线索达标但首访成交率远低于同级单元，请使用首访辅导包",
        ),
        Words(
            title="{unit}: first visits rarely close",
            line="{unit}: valid leads are on target, first visits rarely close: use the kit",
        ),
    ),
    "coach_needed": (
        Words(
            title="{subject} 需要辅导", line="{subject} 的动作健康指数连续两个月偏低，请安排辅导"
        ),
        Words(
            title="{subject} needs coaching",
            line="{subject}: the action health index was low two months running: arrange coaching",
        ),
    ),
    "channel_failing": (
        Words(
            title="{subject} 投递率过低",
            line="{subject}（{unit}）过去 24 小时的投递率低于告警线，请检查通道设置并发送测试消息",
        ),
        Words(
            title="{subject} fails to deliver",
            line="{subject} ({unit}): its delivery rate of the last 24 h is below the alert level:"
            " look at its settings and send a test message",
        ),
    ),
    "webhook_disabled": (
        Words(
            title="{subject} 已停用",
            line="{subject} 长时间投递失败或地址已失效，已停用；事件仍在排队，修复后请重新启用",
        ),
        Words(
            title="{subject} was disabled",
            line="{subject} failed for long or is gone, and was disabled; events wait in its queue:"
            " mend it and enable it again",
        ),
    ),
    OTHER_RULE: (
        Words(
            title="{subject} 信号 {rule}",
            line="{subject} 出现信号 {rule}，应于 {due_at} 处理（{unit}，负责人 {owner}）",
        ),
        Words(
            title="{subject}: signal {rule}",
            line="{subject}: signal {rule}, due {due_at} ({unit}, owner {owner})",
        ),
    ),
}

DEFAULT_WORDS: dict[tuple[str, str], Words] = {
    (rule, language): words
    for rule, in_both in _BY_RULE.items()
    for language, words in zip(("zh", "en"), in_both, strict=True)
}

MAY_BE_A_REPEAT = {"zh": "（可能重复）", "en": "(may be a repeat) "}
OPEN_LINK = {"zh": "查看并处理", "en": "Look and act"}
DIGEST_TITLE = {"zh": "{count} 项升级待处理", "en": "{count} escalations wait for you"}
GOING_LIVE_TITLE = {
    "zh": "上线汇总：{count} 项升级待处理",
    "en": "At going live: {count} escalations wait for you",
}
PART = {"zh": "（{part}/{parts}）", "en": " ({part}/{parts})"}
CONDENSED = {"zh": "……内容过长，请点击查看", "en": "… too long, open the link to read on"}
RESOLVED_TITLE = {"zh": "已自行解决：{title}", "en": "Resolved by itself: {title}"}
TEST_TITLE = "测试消息 · Test message"
TEST_BODY = "通道可用。 · The channel works."
