"""How figures on boards came about, in Chinese and English."""

from collections.abc import Mapping

FIGURE_WORDS: Mapping[str, Mapping[str, str]] = {
    "why.stage_compliance": {
        "en": "{moved} opportunities changed stage in {window}, {skipped} of them with a skip: "
        "({moved} − {skipped}) ÷ {moved} = {figure}.",
        "zh": "{window} 有 {moved} 个商机变更阶段，其中 {skipped} 个跳步："
        "（{moved} − {skipped}）÷ {moved} = {figure}。",
    },
    "why.evidence_rate": {
        "en": "{evidence_required} actions of {window} required evidence, {evidence_complete} have "
        "it: {figure}.",
        "zh": "{window} 有 {evidence_required} 个动作需要凭证，"
        "{evidence_complete} 个齐全：{figure}。",
    },
    "why.silence_overrun": {
        "en": "{open} opportunities were open at the end of {window}, {overrun} of them silent "
        "over their stage's limit: {figure}.",
        "zh": "{window} 结束时有 {open} 个商机未结，其中 {overrun} 个静默超时：{figure}。",
    },
    "why.dwell_overrun": {
        "en": "{dwell_open} opportunities stood in a stage with a dwell limit at the end of "
        "{window}, {dwell_overrun} of them over it: {figure}.",
        "zh": "{window} 结束时有 {dwell_open} 个商机处于有停留限额的阶段，"
        "其中 {dwell_overrun} 个超时：{figure}。",
    },
    "why.moved": {
        "en": "{moved} opportunities changed stage in {window}, each counted once.",
        "zh": "{window} 有 {moved} 个商机变更阶段，每个只计一次。",
    },
    "why.skipped": {
        "en": "{skipped} opportunities skipped a stage in {window}, each counted once.",
        "zh": "{window} 有 {skipped} 个商机跳步，每个只计一次。",
    },
    "why.evidence_required": {
        "en": "{evidence_required} actions of {window} required evidence.",
        "zh": "{window} 有 {evidence_required} 个动作需要凭证。",
    },
    "why.evidence_complete": {
        "en": "{evidence_complete} actions of {window} have all the evidence they require.",
        "zh": "{window} 有 {evidence_complete} 个动作凭证齐全。",
    },
    "why.open": {
        "en": "{open} opportunities were open at the end of {window}.",
        "zh": "{window} 结束时有 {open} 个商机未结。",
    },
    "why.overrun": {
        "en": "{overrun} opportunities were silent over their stage's limit at the end of "
        "{window}.",
        "zh": "{window} 结束时有 {overrun} 个商机静默超时。",
    },
    "why.dwell_open": {
        "en": "{dwell_open} opportunities stood in a stage with a dwell limit at the end of "
        "{window}.",
        "zh": "{window} 结束时有 {dwell_open} 个商机处于有停留限额的阶段。",
    },
    "why.funnel": {
        "en": "{entered} opportunities came to {first}; {reached} of them came on to {last} "
        "(conversion {conversion}, median {median_hours} h, p90 {p90_hours} h), {pending} still "
        "may, {dropped} dropped out.",
        "zh": "{entered} 个商机到达 {first}；其中 {reached} 个到达 {last}（转化率 {conversion}，"
        "中位 {median_hours} 小时，P90 {p90_hours} 小时），{pending} 个进行中，{dropped} 个流失。",
    },
    "why.funnel_nothing": {
        "en": "No opportunity came to {first}, so none could come on to {last}.",
        "zh": "没有商机到达 {first}，因此也没有到达 {last} 的。",
    },
    "why.breakpoint_silence": {
        "en": "In {window} opportunities in {stage} were silent over its limit for {hours} h "
        "together; the {number} longest are named.",
        "zh": "{window} 期间{stage}阶段的商机静默超时合计 {hours} 小时，列出最长的 {number} 个。",
    },
    "why.breakpoint_dwell": {
        "en": "In {window} opportunities stood in {stage} over its dwell limit for {hours} h "
        "together; the {number} longest are named.",
        "zh": "{window} 期间{stage}阶段的商机停留超时合计 {hours} 小时，列出最长的 {number} 个。",
    },
    "why.breakpoint_none": {
        "en": "In {window} nothing was over its limit.",
        "zh": "{window} 期间没有超时。",
    },
    "why.correlation": {
        "en": "Pearson's correlation of the weekly index with won ÷ closed in the four weeks "
        "after, over {n} units' weeks with enough closed: {figure}.",
        "zh": "周指数与其后四周赢单率（赢单 ÷ 已结）的皮尔逊相关系数，共 {n} 个单元周：{figure}。",
    },
    "why.no_correlation": {
        "en": "Only {n} units' weeks have enough closed in the four weeks after; "
        "nothing is shown below {minimum}.",
        "zh": "其后四周已结商机足够的单元周只有 {n} 个，不足 {minimum} 个不显示。",
    },
    "why.total": {
        "en": "{total} opportunities were open in {unit} at {at}.",
        "zh": "{at} 时 {unit} 有 {total} 个未结商机。",
    },
    "why.silent_for": {
        "en": "{opportunity}: the last that ended its silence in {stage} was at {since}; "
        "the limit of {limit_hours} h leaves {hours_left:.1f} h at {at}.",
        "zh": "{opportunity}：{stage}最近一次打破静默在 {since}，限额 {limit_hours} 小时，"
        "{at} 时还剩 {hours_left:.1f} 小时。",
    },
    "why.silent_without_limit": {
        "en": "{opportunity}: the last that ended its silence in {stage} was at {since}; "
        "no limit runs there.",
        "zh": "{opportunity}：{stage}最近一次打破静默在 {since}，该阶段没有限额。",
    },
    "why.stuck": {
        "en": "{count} opportunities entered {stage} more than {days} days before {at}, "
        "{key_industry} of them key industry.",
        "zh": "{count} 个商机进入{stage}已超过 {days} 天（截至 {at}），"
        "其中 {key_industry} 个重点行业。",
    },
    "why.silent": {
        "en": "{count} opportunities in {stage} were silent over their limit at {at}, "
        "{key_industry} of them key industry.",
        "zh": "{at} 时{stage}有 {count} 个商机静默超时，其中 {key_industry} 个重点行业。",
    },
    "why.light": {
        "en": "That is {light}: green from {green}, yellow from {yellow}.",
        "zh": "为{light}灯：{green} 起为绿，{yellow} 起为黄。",
    },
    "light.green": {"en": "green", "zh": "绿"},
    "light.yellow": {"en": "yellow", "zh": "黄"},
    "light.red": {"en": "red", "zh": "红"},
    "why.index": {
        "en": "Index = 100 × (weights {weights} over the parts that are there) = {figure}.",
        "zh": "指数 = 100 ×（按权重 {weights}，仅计有数据的部分）= {figure}。",
    },
    "why.absent": {
        "en": "There was nothing to count in {window}.",
        "zh": "{window} 没有可计的数据。",
    },
    "why.golden_nothing": {
        "en": "No stay in {stage} was left forward or by winning.",
        "zh": "{stage}阶段还没有向前离开或赢单。",
    },
    "why.golden_rate": {
        "en": "Of {due} stays in {stage} left forward or by winning, {done} had {action} with its "
        "evidence: {figure}.",
        "zh": "{stage}阶段有 {due} 次向前离开或赢单，"
        "其中 {done} 次带凭证完成「{action}」：{figure}。",
    },
}
