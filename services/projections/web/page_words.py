"""The words of the page in Chinese and English, and figures as people say them."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

PAGE_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Today",
        "as_of": "As of",
        "history": "an imported history: this clock does not move by itself",
        "instructions": "What to do",
        "no_instructions": "Nothing is stuck or silent for too long.",
        "silence": "Silence",
        "open": "open opportunities, worst first",
        "no_silence": "No opportunity is open here. Open one, or import a history.",
        "health": "Process health",
        "no_health": "The index appears with the first open opportunity.",
        "left": "Time left",
        "opportunity": "Opportunity",
        "customer": "Customer",
        "stage": "Stage",
        "amount": "Amount",
        "owner": "Owner",
        "unit": "Unit",
        "last": "Last activity",
        "week": "Week",
        "index": "Index",
        "compliance": "Stage compliance",
        "evidence": "Evidence rate",
        "overrun": "Silence overrun",
        "moved": "Moved",
        "counted": "Open",
        "nobody": "nobody",
        "hours_left": "{hours} h left",
        "days_left": "{days} days left",
        "hours_over": "{hours} h over",
        "days_over": "{days} days over",
        "no_limit": "no limit",
        "filter": "Show",
        "all": "all",
        "other_language": "中文",
        "signed_out": "You are not signed in.",
        "how_to_sign_in": "Open the sign-in link that `pulsetrail serve` printed; it works once.",
        "agenda": "Agenda",
    },
    "zh": {
        "title": "今天",
        "as_of": "截至",
        "history": "导入的历史数据：时钟不会自己走动",
        "instructions": "现在要做的事",
        "no_instructions": "没有卡住或静默过久的商机。",
        "silence": "静默看板",
        "open": "个未结商机，最紧急的在前",
        "no_silence": "这里没有未结的商机。新建一个，或导入历史数据。",
        "health": "过程健康度",
        "no_health": "有了第一个未结商机，指数就会出现。",
        "left": "剩余时间",
        "opportunity": "商机",
        "customer": "客户",
        "stage": "阶段",
        "amount": "金额",
        "owner": "负责人",
        "unit": "组织",
        "last": "最近动作",
        "week": "周",
        "index": "指数",
        "compliance": "阶段合规",
        "evidence": "留痕率",
        "overrun": "静默超时",
        "moved": "变更",
        "counted": "未结",
        "nobody": "无",
        "hours_left": "还剩 {hours} 小时",
        "days_left": "还剩 {days} 天",
        "hours_over": "超时 {hours} 小时",
        "days_over": "超时 {days} 天",
        "no_limit": "无限额",
        "filter": "筛选",
        "all": "全部",
        "other_language": "English",
        "signed_out": "您尚未登录。",
        "how_to_sign_in": "请打开 `pulsetrail serve` 打印的登录链接，它只能用一次。",
        "agenda": "议程",
    },
}

_A_DAY = 24


def hours_in_words(number: float | None, words: Mapping[str, str]) -> str:
    """Time left, or over where negative, in whole hours, from two days on in whole days."""
    if number is None:
        return words["no_limit"]
    size, what = abs(number), "left" if number >= 0 else "over"
    if size >= 2 * _A_DAY:
        return words[f"days_{what}"].format(days=int(size // _A_DAY))
    return words[f"hours_{what}"].format(hours=int(size))


def percent(ratio: float | None) -> str:
    """A dash where there is nothing to count."""
    return "–" if ratio is None else f"{100 * ratio:.1f} %"


def moment_in_words(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"
