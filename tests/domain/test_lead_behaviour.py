"""What scores read of a lead that moved."""

from services.scoring.domain.lead_behaviour import LEAD_BEHAVIOUR, LeadBehaviour
from tests.domain.lead_examples import NOW, assigned, captured, unit_changed
from tests.domain.process_examples import recorded_event


def test_a_lead_that_moves_is_scored_for_its_new_unit_and_kept_by_its_rep() -> None:
    row: LeadBehaviour | None = None
    for version, event in enumerate((captured(), assigned(), unit_changed()), start=1):
        assert isinstance(event, LEAD_BEHAVIOUR.reads)
        row = LEAD_BEHAVIOUR.evolve(row, recorded_event(event, version, NOW))
    assert row is not None
    assert (row.owner_id, row.unit_path) == ("rep-1", ("company", "south", "team-2"))
    assert [(held.since, held.until) for held in row.holdings] == [(NOW, None)]
