"""Events are queued for the webhooks that want them, whichever log they stand in (G4)."""

from collections.abc import Sequence

from services.notifications.queries.tenant_choices import TenantChoices
from services.notifications.queries.webhook_deliveries import queue
from shared.clock import milliseconds
from shared.envelope import RecordedEvent
from shared.event_log_api import LOGS
from shared.ports import Ports
from shared.subscription import Reaction


def webhook_reactions(ports: Ports, choices: TenantChoices) -> tuple[Reaction, ...]:
    """One a log, from now on. What was queued already is recognised by its event's id."""

    async def react(events: Sequence[RecordedEvent]) -> None:
        await queue(ports.read_store, await _rows(choices, events))

    return tuple(
        Reaction(
            name=f"notifications.webhooks-{log}",
            log=log,
            reads=(object,),
            react=react,
            from_beginning=False,
        )
        for log in LOGS
    )


async def _rows(
    choices: TenantChoices, events: Sequence[RecordedEvent]
) -> list[dict[str, str | int]]:
    rows: list[dict[str, str | int]] = []
    books = {each: await choices.webhook_book(each) for each in {e.tenant_id for e in events}}
    for recorded in events:
        stored = recorded.stored
        for webhook in books[stored.tenant_id].by_id.values():
            if webhook.wants(stored.type):
                rows.append(
                    {
                        "tenant_id": stored.tenant_id,
                        "webhook_id": webhook.webhook_id,
                        "event_id": str(stored.event_id),
                        "event_type": stored.type,
                        "state": "waiting",
                        "tries": 0,
                        "next_at": milliseconds(stored.recorded_at),
                        "recorded_at": milliseconds(stored.recorded_at),
                    }
                )
    return rows
