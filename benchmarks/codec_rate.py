"""Decoding and encoding one stored event: msgspec against pydantic's TypeAdapter (ADR 0004)."""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from pydantic import TypeAdapter

from benchmarks.figure import Figure, table
from shared.event_type import Withheld
from shared.events.opportunities import ActionLogged, Evidence, NextAction

ROUNDS = 15
CALLS = 4_000

ACTION = ActionLogged(
    opportunity_id="opportunity-1",
    action_id="0b6cc3a5-7f0f-5a37-9a3c-6f0d7c9f1d11",
    type="visit",
    customer_id="customer-1",
    contact_id="contact-1",
    subject="contact/contact-1",
    actor_id="rep-1",
    actor_unit_id="team-1",
    actor_unit_path=("company", "east", "team-1"),
    happened_at=datetime(2026, 1, 5, 1, 30, tzinfo=UTC),
    summary=Withheld(sealed="q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJCrze8SNFZ4kA=="),
    fields={"minutes": 45, "outcome": "interested", "with_owner": True},
    evidence_required=("photo", "recording"),
    evidence=(
        Evidence(sha256="1" * 64, kind="photo"),
        Evidence(sha256="2" * 64, kind="recording", consent=True),
    ),
    pain_point=True,
    next_action=NextAction(due_at=datetime(2026, 1, 8, 1, 30, tzinfo=UTC), type="demo"),
)


def microseconds(call: Callable[[], Any]) -> float:
    """Median over the rounds of the time of one call."""
    for _ in range(CALLS // 4):
        call()
    rounds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(CALLS):
            call()
        rounds.append((time.perf_counter() - begun) / CALLS * 1e6)
    return statistics.median(rounds)


def measure() -> list[Figure]:
    """One figure each for msgspec's decoding and encoding, compared with pydantic's.

    Raises AssertionError where the two differ in the bytes written or the event read.
    """
    decoder = msgspec.json.Decoder(ActionLogged)
    encoder = msgspec.json.Encoder(decimal_format="string")
    adapter = TypeAdapter(ActionLogged)
    payload = encoder.encode(ACTION)
    assert decoder.decode(payload) == ACTION
    assert adapter.validate_json(payload) == ACTION
    assert adapter.dump_json(ACTION) == payload
    pairs = {
        "decode": (lambda: decoder.decode(payload), lambda: adapter.validate_json(payload)),
        "encode": (lambda: encoder.encode(ACTION), lambda: adapter.dump_json(ACTION)),
    }
    figures = []
    for job, (ours, theirs) in pairs.items():
        value, other = microseconds(ours), microseconds(theirs)
        figures.append(
            Figure(
                name=f"{job} an action of {len(payload)} bytes",
                value=value,
                unit="µs",
                target="< pydantic",
                met=value < other,
                compared_with=f"pydantic TypeAdapter: {other:.2f} µs ({other / value:.1f} ×)",
            )
        )
    return figures


if __name__ == "__main__":
    print(table(measure()))
