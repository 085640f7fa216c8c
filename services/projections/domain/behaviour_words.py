"""What is said of actions, visits, lights, goals and data, in Chinese and English."""

from collections.abc import Mapping

BEHAVIOUR_WORDS: Mapping[str, Mapping[str, str]] = {
    "why.visit_incomplete": {
        "en": "The visit {visit_id} of {since} still lacked a node when its limit of "
        "{limit_hours} h passed at {due_at}.",
        "zh": "{since} 的拜访 {visit_id} 到 {due_at}（{limit_hours} 小时限额）仍有节点未完成。",
    },
    "why.revisions_warning": {
        "en": "With the revision of {due_at} the proposal had been revised {revisions} times while "
        "the customer had asked {questions} questions: needs may be misunderstood.",
        "zh": "到 {due_at} 方案已修改 {revisions} 次，客户只提出 {questions} 个问题："
        "需求可能被误解。",
    },
    "why.coach_needed": {
        "en": "The action health index was {index_before:.1f} and then {index:.1f} in {window}, "
        "its weakest part being {weakest}.",
        "zh": "动作健康指数上月 {index_before:.1f}、{window} 为 {index:.1f}，"
        "最弱的部分是 {weakest}。",
    },
    "why.light_red": {
        "en": "In week {window} of unit {unit} the light {measure} turned red: {met} of {due} in "
        "time.",
        "zh": "单元 {unit} 在 {window} 周的「{measure}」灯转红：{due} 个中 {met} 个按时。",
    },
    "why.goal_red": {
        "en": "In {window} unit {unit} reached its goal of valid leads with {valid_leads}, but its "
        "first-visit close rate of {first_visit_rate} is far below its siblings'.",
        "zh": "单元 {unit} 在 {window} 以 {valid_leads} 条有效线索完成目标，"
        "但首访成交率 {first_visit_rate} 远低于同级单元。",
    },
    "why.state.retracted.figure-mended": {
        "en": "It was taken back: with what came in late, the figure is in its range.",
        "zh": "已撤回：补录之后，该指标处于正常范围。",
    },
    "why.window_over": {
        "en": "The window after it was over at {ended_at}; what it shows is said of that one.",
        "zh": "下一个周期已于 {ended_at} 结束，此后以下一周期的结果为准。",
    },
    "why.timeliness": {
        "en": "{timely} of {recorded} actions of {window} were recorded within {hours} h: "
        "{figure}.",
        "zh": "{window} 有 {recorded} 个动作，其中 {timely} 个在 {hours} 小时内记录：{figure}。",
    },
    "why.richness": {
        "en": "{visits} complete visits of {window} hold {figure} distinct kinds of proof each on "
        "average.",
        "zh": "{window} 的 {visits} 次完整拜访平均各有 {figure} 种凭证。",
    },
    "why.consistency": {
        "en": "The last three visits to each type of customer with at least {least} in {window} "
        "are alike by {figure} on average.",
        "zh": "{window} 中拜访不少于 {least} 次的客户类型，"
        "最近三次拜访路径的平均相似度为 {figure}。",
    },
    "why.action_index": {
        "en": "Index of {window} = mean of min(1, part ÷ norm) × 100 over {parts} = {figure}.",
        "zh": "{window} 指数 = 各部分 min(1, 部分 ÷ 标准) × 100 的平均（{parts}）= {figure}。",
    },
    "light.entered": {"en": "entered in time", "zh": "按时录入"},
    "light.proposal": {"en": "first proposal in time", "zh": "首次方案按时"},
    "light.reaction": {"en": "customer reacted in time", "zh": "客户按时回应"},
    "metric.valid_leads": {"en": "valid leads", "zh": "有效线索"},
    "metric.first_visit_rate": {"en": "first-visit close rate", "zh": "首访成交率"},
    "metric.repeat_purchases": {"en": "repeat purchases", "zh": "复购"},
    "metric.basket_growth": {"en": "basket growth", "zh": "客单增长"},
    "why.light_of": {
        "en": "{measure}: {met} of {due} whose limit ended or that were met were in time.",
        "zh": "「{measure}」：到期或已完成的 {due} 个中 {met} 个按时。",
    },
    "why.goal_of": {
        "en": "{metric}: {actual} of {target} in {window}.",
        "zh": "{metric}：{window} 目标 {target}，实际 {actual}。",
    },
    "metric.pain_point_rate": {"en": "pain point mentioned", "zh": "提到客户痛点"},
    "metric.next_step_rate": {"en": "next step booked", "zh": "约定下一步"},
    "why.quality_of": {
        "en": "{metric}: in {marked} of {actions} qualified actions of {window}.",
        "zh": "{metric}：{window} 的 {actions} 次合格动作中 {marked} 次。",
    },
    "why.metric_absent": {
        "en": "{metric} rests on {absent}, which is not there yet.",
        "zh": "{metric} 依赖尚未提供的 {absent}。",
    },
    "why.revised": {
        "en": "{opportunity} was revised {revisions} times with {questions} questions of the "
        "customer.",
        "zh": "{opportunity} 修改 {revisions} 次，客户提出 {questions} 个问题。",
    },
    "why.data_quality": {
        "en": "Of {leads} leads captured in {window}, {duplicates} are duplicates, the shared "
        "fields are filled by {completeness}, {scored} have a score.",
        "zh": "{window} 采集的 {leads} 条线索中 {duplicates} 条重复，"
        "共享字段完整度 {completeness}，{scored} 条有评分。",
    },
}
