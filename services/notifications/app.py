"""Composition root of services/notifications."""

from functools import partial

from services.notifications import api
from services.notifications.api.desk import Desk
from services.notifications.outbox.delivery import Delivery
from services.notifications.outbox.delivery_watch import DeliveryWatch
from services.notifications.outbox.letter_writing import LetterWriting
from services.notifications.outbox.links import Links
from services.notifications.outbox.webhook_delivery import WebhookDelivery
from services.notifications.outbox.webhook_queueing import webhook_reactions
from services.notifications.queries.gauges import channel_gauges
from services.notifications.queries.matters import Matters
from services.notifications.queries.pending_notices import PENDING_NOTICES
from services.notifications.queries.read_models import ATTEMPTS, ESCALATIONS, LOG_NAME, MESSAGES
from services.notifications.queries.tenant_choices import TenantChoices
from services.notifications.reactions import reactions
from services.notifications.settings import NotificationsSettings
from services.notifications.watch import GoingLiveDigest, StepWatch
from shared.ports import Ports
from shared.service import Runner, Service


def build(ports: Ports) -> Service:
    settings = NotificationsSettings()
    commands = ports.commands(LOG_NAME)
    choices = TenantChoices(ports, commands)
    matters = Matters(ports.organisations, choices)
    links = Links(choices, ports.settings.public_url, settings.link_valid_hours)
    going_live = GoingLiveDigest(ports, commands, choices)
    steps = StepWatch(ports, commands, choices)
    letters = LetterWriting(ports, commands, choices, matters)
    delivery = Delivery(ports, commands, choices, links, settings.deliveries_at_once)
    delivery_watch = DeliveryWatch(ports, commands, choices)
    webhooks = WebhookDelivery(ports, commands, choices)
    desk = Desk(ports, commands, choices)
    return Service(
        name="notifications",
        routers=api.routers(desk),
        read_models=(ESCALATIONS, MESSAGES, PENDING_NOTICES, ATTEMPTS),
        reactions=(
            *reactions(ports, commands, choices, matters),
            *webhook_reactions(ports, choices),
        ),
        runners=(
            Runner(name="notifications.going-live", step=going_live.step),
            Runner(name="notifications.steps", step=steps.step),
            Runner(name="notifications.letters", step=letters.step),
            Runner(name="notifications.delivery", step=delivery.step),
            Runner(name="notifications.webhooks", step=webhooks.step),
            Runner(name="notifications.delivery-watch", step=delivery_watch.step, poll_seconds=60),
        ),
        commands=api.batch_commands(desk),
        gauges=partial(channel_gauges, ports),
    )
