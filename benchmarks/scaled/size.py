"""How large a run is: everything is scaled by BENCH_SCALE, 1 for the figures that are published."""

import os

SCALE = float(os.environ.get("BENCH_SCALE", "1"))


def scaled(number: int, *, at_least: int = 1) -> int:
    """`number` at full size."""
    return max(at_least, round(number * SCALE))
