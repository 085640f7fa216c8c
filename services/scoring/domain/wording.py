"""The kit of wording that goes with a health that stays low: what to say next, by input (S2)."""

from collections.abc import Mapping, Sequence

LANGUAGES = ("zh", "en")

_KIT: Mapping[str, Mapping[str, str]] = {
    "calls": {
        "zh": "“上次谈到的问题，我准备了两个做法，今天方便通十分钟电话吗？”",
        "en": '"I have two ways to solve what we talked about. Do you have ten minutes today?"',
    },
    "visits": {
        "zh": "“想到现场看一下实际使用情况，本周四或周五哪天方便？”",
        "en": '"I would like to see how you work on site. Does Thursday or Friday suit you?"',
    },
    "messages": {
        "zh": "“同行案例整理好了，先发您一页，看看哪一点最接近贵司情况？”",
        "en": '"Here is one page on a similar customer. Which point is closest to your case?"',
    },
    "two_way_ratio": {
        "zh": "“我介绍得比较多，想先听您说：现在最头疼的是哪一件事？”",
        "en": '"I have talked a lot. What is the one thing that troubles you most right now?"',
    },
    "documents_opened": {
        "zh": "“方案有三页重点，我陪您过一遍好吗？有疑问当场改。”",
        "en": '"Three pages of the proposal matter. Shall we go through them together?"',
    },
    "proposal_revisions": {
        "zh": "“方案改了几版，我们先把必须满足的三条定下来，好吗？”",
        "en": '"We revised it several times. Shall we first agree on the three musts?"',
    },
    "customer_questions": {
        "zh": "“如果由您向领导汇报，您估计他会先问什么？”",
        "en": '"When you present this to your management, what will they ask first?"',
    },
    "decision_makers": {
        "zh": "“除了您，还有哪位会参与决定？我想请您一起约个短会。”",
        "en": '"Who else takes part in the decision? Could we meet them together, briefly?"',
    },
    "next_step": {
        "zh": "“我们把下一步定下来：下周二之前我做什么，您这边确认什么？”",
        "en": '"Let us fix the next step: what I do by Tuesday, and what you confirm."',
    },
    "silence": {
        "zh": "“好几天没联系了，是情况有变化，还是我哪里没说清楚？”",
        "en": '"We have not spoken for days. Has anything changed, or was I unclear?"',
    },
    "stage_age": {
        "zh": "“这一步停得比较久，卡在预算、时间还是内部意见？我来想办法。”",
        "en": '"We have been at this point for long. Is it budget, time or opinions inside?"',
    },
    "evidence_rate": {
        "zh": "“会后我把纪要发您确认，免得双方理解不一样。”",
        "en": '"I will send you the minutes to confirm, so that we both mean the same."',
    },
}


def wording_for(inputs: Sequence[str]) -> dict[str, list[str]]:
    """What may be said about these inputs, by language, in their order."""
    return {language: [_KIT[each][language] for each in inputs] for language in LANGUAGES}
