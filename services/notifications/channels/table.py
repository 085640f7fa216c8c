"""Every channel there is; a further one is a file beside these and a line here (N1)."""

from collections.abc import Mapping

from services.notifications.channels.channel import Channel
from services.notifications.channels.dingtalk import DingTalkRobot
from services.notifications.channels.inbox import Inbox
from services.notifications.channels.webhook import Webhook

CHANNELS: Mapping[str, Channel] = {
    channel.kind: channel for channel in (DingTalkRobot(), Webhook(), Inbox())
}

ROBOT = "robot"
"""In a policy: whichever group robot the person's unit, or the nearest one above it, has."""

PLANNED = frozenset({"wecom", "feishu", "email", "sms", "slack", "teams", "app"})
"""Names of N1 that a policy may already hold: nobody is reached by them until their file exists."""

CONFIGURABLE = frozenset(CHANNELS) - {"inbox"}
"""What needs an address and a secret of a unit's own."""

NAMES_IN_POLICIES = frozenset(CHANNELS) | PLANNED | {ROBOT}
