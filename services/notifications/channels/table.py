"""Every channel there is; a further one is a file beside these and a line here (N1)."""

from collections.abc import Mapping

from services.notifications.channels.channel import Channel
from services.notifications.channels.dingtalk import DingTalkRobot
from services.notifications.channels.email import Email
from services.notifications.channels.feishu import FeishuRobot
from services.notifications.channels.inbox import Inbox
from services.notifications.channels.known_templates import SLACK, TEAMS
from services.notifications.channels.templated import TemplatedHttp
from services.notifications.channels.webhook import Webhook
from services.notifications.channels.wecom import WeComRobot
from services.notifications.domain.throttle import Limit

_ALL: tuple[Channel, ...] = (
    DingTalkRobot(),
    WeComRobot(),
    FeishuRobot(),
    TemplatedHttp(
        kind="slack",
        is_group_robot=True,
        body_limit_bytes=3_000,
        request_limit_bytes=3_600,
        limits=(Limit(count=1, seconds=1),),
        own_template=SLACK,
    ),
    TemplatedHttp(
        kind="teams", is_group_robot=True, limits=(Limit(count=4, seconds=1),), own_template=TEAMS
    ),
    # nobody can tell who reads along at an address of one's own: its links ask for the sign-in
    TemplatedHttp(kind="http", is_group_robot=True),
    TemplatedHttp(kind="sms", is_group_robot=False, needs_address=True, longest_text_bytes=600),
    TemplatedHttp(kind="app", is_group_robot=False, needs_address=True, longest_text_bytes=2_000),
    Email(),
    Webhook(),
    Inbox(),
)

CHANNELS: Mapping[str, Channel] = {channel.kind: channel for channel in _ALL}

ROBOT = "robot"
"""In a policy: whichever group robot the person's unit, or the nearest one above it, has."""

CONFIGURABLE = frozenset(CHANNELS) - {"inbox"}
"""What needs an address and a secret of a unit's own."""

NAMES_IN_POLICIES = frozenset(CHANNELS) | {ROBOT}
