"""What roles, channels and the courses of messages are called on the pages that set things up."""

from collections.abc import Mapping, Sequence

from services.projections.pages.catalogue import message
from services.projections.pages.visits import Visit

ROLES: Mapping[str, str] = {
    "rep": message("rep"),
    "manager": message("manager"),
    "director": message("director"),
    "sales_bp": message("sales BP"),
    "store_supervisor": message("store supervisor"),
    "store_clerk": message("store clerk"),
    "marketing": message("marketing"),
    "partner": message("partner"),
    "service": message("service"),
    "delivery": message("delivery"),
    "legal": message("legal"),
    "finance": message("finance"),
    "auditor": message("auditor"),
    "administrator": message("administrator"),
    "operator": message("operator"),
    "own-grants": message("whatever the person is granted"),
}
_CHANNELS: Mapping[str, str] = {
    "inbox": message("inbox"),
    "robot": message("group robot"),
    "sms": message("text message"),
    "email": message("e-mail"),
    "app": message("app notification"),
    "dingtalk": message("DingTalk group"),
    "wecom": message("WeCom group"),
    "feishu": message("Feishu group"),
    "slack": "Slack",
    "teams": "Teams",
    "http": message("address of one's own"),
    "webhook": "Webhook",
}
CHANNELS_OF_PEOPLE = ("sms", "email", "app", "dingtalk", "wecom", "feishu")
"""Where a person is reached, or mentioned in a group."""
EVIDENCE: Mapping[str, str] = {
    "photo_storefront": message("photo of the storefront"),
    "photo_display": message("photo of the display"),
    "photo_conversation": message("photo of the conversation"),
    "photo": message("photo"),
    "recording": message("recording"),
    "transcript": message("transcript"),
    "document": message("document"),
    "minutes": message("minutes of a meeting"),
    "signature": message("signature"),
    "screenshot": message("screenshot"),
}
_STATES: Mapping[str, str] = {
    "waiting": message("waits"),
    "under_way": message("on its way"),
    "delivered": message("delivered"),
    "expired": message("expired undelivered"),
    "operator": message("no channel took it"),
}
_OUTCOMES: Mapping[str, str] = {
    "accepted": message("accepted"),
    "refused": message("refused"),
    "limited": message("asked to wait"),
    "unknown": message("no answer: it may have arrived"),
}
_LEVELS = {"delivered": "fine", "accepted": "fine", "expired": "over", "operator": "over"}
_LEVELS |= {"refused": "over", "limited": "soon", "unknown": "soon"}


def role_in_words(visit: Visit, role: str) -> str:
    return _said(visit, ROLES, role)


def channel_in_words(visit: Visit, channel: str) -> str:
    """A channel of a unit's own shows its name."""
    return _said(visit, _CHANNELS, channel)


def evidence_in_words(visit: Visit, kind: str) -> str:
    return _said(visit, EVIDENCE, kind)


def state_of_message(visit: Visit, state: str) -> str:
    return _said(visit, _STATES, state)


def outcome_in_words(visit: Visit, outcome: str | None) -> str:
    """None: the attempt has not ended yet."""
    return _said(visit, _OUTCOMES, outcome) if outcome else _said(visit, _STATES, "under_way")


def level_of(state_or_outcome: str | None) -> str:
    """By which mark it is shown."""
    return _LEVELS.get(state_or_outcome or "", "none")


def listed(visit: Visit, texts: Sequence[str]) -> str:
    """As an enumeration of the reader's language."""
    return visit.words.say(message(", ")).join(texts)


def _said(visit: Visit, texts: Mapping[str, str], name: str) -> str:
    known = texts.get(name)
    return visit.words.say(known) if known else name
