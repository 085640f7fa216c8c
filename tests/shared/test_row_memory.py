"""Rows remembered by their only writer: never an older one, never too many."""

from shared.row_memory import KnownRow, RowMemory

FIRST, SECOND, THIRD = ("acme", "O1"), ("acme", "O2"), ("acme", "O3")


def row(name: str) -> KnownRow:
    return KnownRow(name, False, {})


def test_a_row_is_known_as_it_was_last_kept() -> None:
    memory = RowMemory()
    memory.keep(FIRST, row("first_contact"), 10)
    memory.keep(FIRST, row("needs"), 10)
    assert memory.known([FIRST, SECOND]) == {FIRST: row("needs")}


def test_a_row_that_was_dropped_or_forgotten_is_read_again() -> None:
    memory = RowMemory()
    memory.keep(FIRST, row("needs"), 10)
    memory.keep(SECOND, row("needs"), 10)
    memory.drop([FIRST])
    assert memory.known([FIRST, SECOND]) == {SECOND: row("needs")}
    memory.forget()
    assert memory.known([FIRST, SECOND]) == {}


def test_what_was_not_used_for_long_makes_room() -> None:
    memory = RowMemory(at_most_bytes=100)
    memory.keep(FIRST, row("needs"), 50)
    memory.keep(SECOND, row("needs"), 50)
    assert memory.known([FIRST, SECOND]).keys() == {FIRST, SECOND}
    memory.keep(THIRD, row("needs"), 50)
    assert memory.known([FIRST, SECOND, THIRD]).keys() == {SECOND, THIRD}


def test_of_an_older_and_a_younger_row_the_younger_counts_and_neither_outlives_its_drop() -> None:
    memory = RowMemory(at_most_bytes=100)
    memory.keep(FIRST, row("needs"), 50)
    memory.keep(SECOND, row("needs"), 50)
    memory.keep(FIRST, row("proposal"), 0)
    assert memory.known([FIRST]) == {FIRST: row("proposal")}
    memory.drop([FIRST])
    assert memory.known([FIRST]) == {}
