"""A long run of faults goes on where it stopped."""

from pathlib import Path

from tests.system.chaos.__main__ import Survived


def test_what_was_survived_is_kept_for_the_next_start(tmp_path: Path) -> None:
    file = tmp_path / "chaos.json"
    survived = Survived.recalled(file, 77)
    survived.kills, survived.rounds, survived.seconds = 12, 2, 180.5
    survived.faults.update(["kill", "kill", "cut_connections"])
    survived.keep(file)
    again = Survived.recalled(file, None)
    assert again == survived
    again.faults.update(["kill"])
    assert again.faults["kill"] == 3


def test_the_first_start_takes_the_seed_that_was_named(tmp_path: Path) -> None:
    assert Survived.recalled(tmp_path / "chaos.json", 77) == Survived(seed=77)
