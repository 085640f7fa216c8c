"""How the reps of the demonstration work: the good, the hasty, the forgetful, the silent."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperament:
    """Probabilities are between 0 and 1; `pace` is in working days between two contacts.

    `golden`: a golden action is done before the stage is left; `proof`: it has its evidence;
    `skips`: a stage is left out; `falls_silent`: a stage is where the opportunity is forgotten;
    `enters_late`: an action is entered hours or days after it happened; `books` and `keeps`: a next
    action is booked, and kept; `wins`: a worked opportunity is won in the end; `invents`: records
    are made up at the end of the month.
    """

    name: str
    pace: float
    golden: float
    proof: float
    skips: float
    falls_silent: float
    enters_late: float
    books: float
    keeps: float
    wins: float
    invents: bool = False


STAR = Temperament(
    name="star", pace=1.0, golden=0.98, proof=0.98, skips=0.005, falls_silent=0.012,
    enters_late=0.02, books=0.17, keeps=0.95, wins=0.55,
)  # fmt: skip
STEADY = Temperament(
    name="steady", pace=1.3, golden=0.93, proof=0.94, skips=0.02, falls_silent=0.03,
    enters_late=0.06, books=0.12, keeps=0.85, wins=0.38,
)  # fmt: skip
HASTY = Temperament(
    name="hasty", pace=0.9, golden=0.72, proof=0.85, skips=0.14, falls_silent=0.05,
    enters_late=0.08, books=0.07, keeps=0.7, wins=0.3,
)  # fmt: skip
FORGETFUL = Temperament(
    name="forgetful", pace=1.5, golden=0.75, proof=0.6, skips=0.04, falls_silent=0.13,
    enters_late=0.15, books=0.2, keeps=0.45, wins=0.24,
)  # fmt: skip
SILENT = Temperament(
    name="silent", pace=1.9, golden=0.82, proof=0.85, skips=0.03, falls_silent=0.26,
    enters_late=0.1, books=0.05, keeps=0.6, wins=0.2,
)  # fmt: skip
TRAVELLING = Temperament(
    name="travelling", pace=1.4, golden=0.9, proof=0.9, skips=0.02, falls_silent=0.045,
    enters_late=0.5, books=0.12, keeps=0.8, wins=0.36,
)  # fmt: skip
INVENTIVE = Temperament(
    name="inventive", pace=1.7, golden=0.8, proof=0.75, skips=0.06, falls_silent=0.16,
    enters_late=0.1, books=0.1, keeps=0.6, wins=0.16, invents=True,
)  # fmt: skip

_TEAM_SPIRITS = (
    (STAR, STEADY, STEADY),
    (STEADY, HASTY, TRAVELLING),
    (SILENT, INVENTIVE, FORGETFUL),
    (STEADY, FORGETFUL, STAR),
    (TRAVELLING, STAR, STEADY),
    (HASTY, STEADY, SILENT),
    (STEADY, STAR, TRAVELLING),
    (FORGETFUL, STEADY, INVENTIVE),
)


def temperament(team: int, place: int) -> Temperament:
    """Teams differ, so that the heat map has green, yellow and red rows for every seed."""
    spirit = _TEAM_SPIRITS[team % len(_TEAM_SPIRITS)]
    return spirit[place % len(spirit)]
