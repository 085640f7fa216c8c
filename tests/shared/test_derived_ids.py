"""Ids that are derived: the same for the same words, in every version of Pulsetrail."""

from uuid import uuid5

from shared.command_context import OUR_IDS, derived_id


def test_a_derived_id_is_the_uuid5_of_its_parts() -> None:
    assert derived_id("acme", "opportunity", 1) == uuid5(OUR_IDS, "acme\x1fopportunity\x1f1")


def test_where_the_parts_are_divided_makes_another_id() -> None:
    assert derived_id("ab", "c") != derived_id("a", "bc")
