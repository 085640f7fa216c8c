"""What reactions are given a second time, after more has happened, they do nothing about."""

from pathlib import Path

from services.directory.domain.person import PERSON, GiveGrant
from services.embedded import LOGS, build
from tests.services.logs import events_of
from tests.services.sales_floor import SalesFloor
from tests.services.test_allocating import capture, two_reps_on_duty

_POLICY = {
    "name": "at-once",
    "rules": ["*"],
    "steps": [{"after_seconds": 0, "to": "manager"}],
}


async def test_every_reaction_given_its_log_again_appends_nothing_and_goes_on(
    tmp_path: Path,
) -> None:
    """As after a hand-over: checkpoints are stored a little later than what came of the events, of
    which any number may come again, in any grouping."""
    async with two_reps_on_duty(tmp_path) as floor:
        await _much_happens(floor)
        ports = floor.hosting.ports
        reactions = [each for service in build(ports) for each in service.reactions]
        assert len(reactions) > 15
        before = {log: await events_of(ports, log) for log in LOGS}
        for reaction in reactions:
            told = before[reaction.log]
            for groups in ([told], [[each] for each in told], [told[-7:]], [told[-2:]]):
                for events in groups:
                    assert await reaction.take(events) == [], reaction.name
            after = {log: len(await events_of(ports, log)) for log in LOGS}
            assert after == {log: len(events) for log, events in before.items()}, reaction.name


async def _much_happens(floor: SalesFloor) -> None:
    boss = GiveGrant(person_id="boss-1", role="manager", unit_id="north", now=floor.clock())
    await floor.handle("directory", PERSON, "boss-1", boss)
    await floor.told("/policies", _POLICY, "administrator")
    await floor.open("O1", customer_id="C1")
    described = {"customer_id": "C1", "name": "A", "customer_type": "enterprise"}
    await floor.told("/customers", described)
    await capture(floor, 1)
    await floor.hosting.catch_up()
    for order, body in (
        ("assign", {"owner_id": "rep-3"}),
        ("assign", {"owner_id": "rep-1"}),
        ("return", {}),
        ("release", {}),
    ):
        await floor.told(f"/leads/L1/{order}", body, "boss-1")
        await floor.hosting.catch_up()
    await floor.told("/leads/L1/contact", {"type": "call", "budget_status": "oral"}, "boss-1")
    await floor.told("/leads/L1/convert", {"opportunity_id": "O-L1"}, "boss-1")
    message = {"message_id": "M1", "customer_id": "C9", "text": "样品有吗", "unit_id": "team-1"}
    await floor.told("/messages", message, "boss-1")
    await floor.hosting.catch_up()
    rows = (await floor.shown("/leads"))["rows"]
    [heard] = [each["lead_id"] for each in rows if each["customer_id"] == "C9"]
    await floor.told(f"/leads/{heard}/disqualify", {"reason": "done"}, "boss-1")
    await capture(floor, 2, owner_id="rep-1")
    await capture(floor, 3, owner_id="rep-1")
    await floor.hosting.catch_up()
    for unit_id in ("team-2", "team-1", "team-2"):
        await floor.told("/people/rep-1/move", {"unit_id": unit_id}, "administrator")
        await floor.hosting.catch_up()
    await floor.told("/leads/L2/return", {})
    await floor.told("/leads/L3/assign", {"owner_id": "rep-3"})
    await floor.told("/customers/C1/describe", {"name": "A", "customer_type": "small"})
    await floor.told("/opportunities/O1/lose", {"reason": "price"}, "director")
    await floor.hosting.catch_up()
    await floor.told("/opportunities/O1/reopen", {}, "director")
    await floor.told("/units/team-2/move", {"parent_id": "north"}, "administrator")
    await floor.hosting.catch_up()
