"""`make chaos-mutants`: each mutant must be caught by faults that concern it, within a few."""

import asyncio
import sys
from collections.abc import Sequence
from random import Random

from tests.system.chaos import faults
from tests.system.chaos.faults import Chaos, Fault
from tests.system.chaos.floor import WORKERS
from tests.system.chaos.mutated import MUTANTS
from tests.system.chaos.rounds import round_of_chaos

SEED = "mutants"
_TRIES = 12


async def kill_a_worker(chaos: Chaos, random: Random) -> str:
    return await faults.kill(chaos, random, random.choice(WORKERS))


async def kill_the_relay(chaos: Chaos, random: Random) -> str:
    return await faults.kill(chaos, random, "relay")


AGAINST: dict[str, Sequence[Fault]] = {
    "plain-upsert-of-offsets": (faults.stop_amid_a_batch,),
    "no-fencing": (faults.stop_amid_a_batch,),
    "offsets-before-rows": (kill_a_worker, faults.restart_postgres, faults.lose_commits),
    "watch-on-the-wall-clock": (faults.stop_amid_a_batch, kill_the_relay),
    "relay-advances-first": (faults.restart_kafka, kill_the_relay),
}
"""The faults that bring each to light; the comparisons are always the same."""


async def caught(mutant: str) -> str:
    """What a comparison said of it; nothing where it passed. What fails otherwise is no catch."""
    async with round_of_chaos(f"{SEED} {mutant}", _tell, mutant) as running:
        for number in range(_TRIES):
            against = AGAINST[mutant]
            await running.strike(against[number % len(against)])
            try:
                await running.compare()
            except AssertionError as failure:
                return str(failure).splitlines()[0]
    return ""


def _tell(what: str) -> None:
    print(f"    {what}", flush=True)


def hunt(wanted: Sequence[str]) -> int:
    """The exit code: 1 where one got away."""
    escaped = []
    for mutant in wanted or MUTANTS:
        print(mutant, flush=True)
        said = asyncio.run(caught(mutant))
        print(f"  CAUGHT: {said[:300]}" if said else "  GOT AWAY", flush=True)
        if not said:
            escaped.append(mutant)
    print(f"{len(wanted or MUTANTS) - len(escaped)} caught, {len(escaped)} got away {escaped}")
    return 1 if escaped else 0


if __name__ == "__main__":
    sys.exit(hunt(sys.argv[1:]))
