"""Every state of the directory's deciders survives being kept as a snapshot."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from services.directory.domain.api_key import API_KEY
from services.directory.domain.person import PERSON
from services.directory.domain.tenant import TENANT
from services.directory.domain.unit_tree import UNIT_TREE
from shared.decider import Decider
from shared.event_type import ERASED
from shared.events.directory import (
    AddressSet,
    ApiKeyCreated,
    ApiKeyRevoked,
    CalendarDaysSet,
    GrantGiven,
    HistoryClockMoved,
    PersonAdded,
    PersonLeft,
    SettingsChanged,
    TenantCreated,
    TenantWentLive,
    UnitAdded,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)

HISTORIES: list[tuple[Decider[Any, Any, Any], list[Any]]] = [
    (
        TENANT,
        [
            TenantCreated(tenant_id="T1", zone="Asia/Shanghai", created_at=NOW),
            SettingsChanged(settings={"light_green": 0.8}, effective_at=None),
            HistoryClockMoved(clock_at=NOW),
            CalendarDaysSet(
                year=2026, days={date(2026, 5, 1): False}, provisional=False, source="file"
            ),
            TenantWentLive(live_at=NOW),
        ],
    ),
    (
        UNIT_TREE,
        [
            UnitAdded(unit_id="company", name="c", parent_id=None, kind="headquarters"),
            UnitAdded(unit_id="north", name="n", parent_id="company", kind="region"),
        ],
    ),
    (
        PERSON,
        [
            PersonAdded(person_id="P1", unit_id="north", name=ERASED, language="zh", joined_at=NOW),
            GrantGiven(person_id="P1", role="manager", unit_id="north"),
            AddressSet(person_id="P1", channel="email", address="li@example.com"),
            PersonLeft(person_id="P1", left_at=NOW),
        ],
    ),
    (
        API_KEY,
        [
            ApiKeyCreated(
                key_id="K1",
                key_hash="ab" * 32,
                role="rep",
                unit_id="north",
                person_id="P1",
                name="phone",
                created_at=NOW,
            ),
            ApiKeyRevoked(key_id="K1", revoked_at=NOW),
        ],
    ),
]


@pytest.mark.parametrize(("decider", "history"), HISTORIES)
def test_a_state_is_read_back_as_it_was_kept(
    decider: Decider[Any, Any, Any], history: Sequence[Any]
) -> None:
    for length in range(len(history) + 1):
        state = decider.fold(history[:length])
        assert type(state) in decider.states
        assert msgspec.json.decode(msgspec.json.encode(state), type=type(state)) == state
