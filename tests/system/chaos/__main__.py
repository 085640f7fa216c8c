"""`make chaos KILLS=1000`: rounds of faults until so many kills have been survived."""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.system.chaos.faults import chosen
from tests.system.chaos.rounds import Round, round_of_chaos

_KILLS_A_ROUND = 100
"""Then servers and logs are new, so that comparing stays quick."""
_FAULTS_BETWEEN_COMPARISONS = 10


@dataclass
class Survived:
    """What has been gone through and compared, kept in a file: repeated, the run goes on."""

    seed: int
    kills: int = 0
    rounds: int = 0
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)

    @classmethod
    def recalled(cls, file: Path, seed: int | None) -> "Survived":
        if not file.exists():
            return cls(time.time_ns() % 1_000_000 if seed is None else seed)
        known = json.loads(file.read_text(encoding="utf-8"))
        return cls(**{**known, "faults": Counter(known["faults"])})

    def keep(self, file: Path) -> None:
        beside = file.with_suffix(".new")
        beside.write_text(json.dumps(vars(self)), encoding="utf-8")
        beside.replace(file)


async def one_round(survived: Survived, file: Path, wanted: int) -> None:
    """Up to a hundred kills on servers of its own."""
    survived.rounds += 1
    seed = f"{survived.seed} {survived.rounds}"
    random = Random(seed)
    enough = min(wanted - survived.kills, _KILLS_A_ROUND)
    async with round_of_chaos(seed, _tell) as running:
        _tell(f"round {survived.rounds}, seed {seed}")
        while running.kills < enough:
            began, kills = time.monotonic(), running.kills
            names = await _strikes(running, random)
            await running.compare()
            survived.kills += running.kills - kills
            survived.seconds += time.monotonic() - began
            survived.faults.update(names)
            survived.keep(file)
            _tell(f"{survived.kills} of {wanted} kills, {survived.seconds:.0f} s")
        await running.finish()


async def _strikes(running: Round, random: Random) -> list[str]:
    """About ten faults, some of them together."""
    names: list[str] = []
    while len(names) < _FAULTS_BETWEEN_COMPARISONS:
        together = list(dict.fromkeys(chosen(random) for _ in range(random.choice((1, 1, 1, 2)))))
        await running.strike(*together)
        names += [fault.__name__ for fault in together]
    return names


def _tell(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--file", type=Path, default=Path(".chaos.json"))
    asked = parser.parse_args()
    survived = Survived.recalled(asked.file, asked.seed)
    _tell(f"seed {survived.seed}, {survived.kills} of {asked.kills} kills survived so far")
    while survived.kills < asked.kills:
        asyncio.run(one_round(survived, asked.file, asked.kills))
    _tell(f"{survived.kills} kills survived in {survived.rounds} rounds: {dict(survived.faults)}")
    asked.file.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
