"""`pulsetrail serve` on a folder that holds a history: there at once, and modest."""

from pathlib import Path
from time import monotonic

import httpx

from tests.oracle.logs import CHECKOUT, MADE_UP, MADE_UP_LOG
from tests.oracle.reading import read, rows_of
from tests.system.command import Json
from tests.system.serving import Serving

MAPPING = CHECKOUT / "examples" / "made_up" / "mapping.toml"
LONGEST_SECONDS = 5
MOST_BYTES = 300_000_000


async def test_a_second_start_answers_within_five_seconds_and_300_megabytes(
    tmp_path: Path,
) -> None:
    serving = Serving(tmp_path / "data")
    serving.command.import_log(MAPPING, MADE_UP_LOG)
    key = serving.command.json("keys", "create", "--role", "director")["key"]
    board, seconds = await _first_board(serving, key)
    try:
        reading = read(rows_of(MADE_UP_LOG), MADE_UP)
        expected = [row.opportunity_id for row in reading.silence()]
        assert [row["opportunity_id"] for row in board["rows"]] == expected[:500]
        assert board["total"] == len(expected)
        assert seconds < LONGEST_SECONDS
        assert serving.resident_bytes() < MOST_BYTES
    finally:
        assert serving.stop() == 0


async def _first_board(serving: Serving, key: str) -> tuple[Json, float]:
    """The silence board of a fresh start, and after how many seconds it was answered.

    What others took of the processors meanwhile does not count: other tests run beside this one.
    """
    begin = monotonic()
    serving.start_cold()
    await serving.ready()
    async with httpx.AsyncClient(timeout=10) as http:
        answer = await http.get(
            f"{serving.address}/api/v1/boards/silence",
            params={"limit": 500},
            headers={"Authorization": f"Bearer {key}"},
        )
    assert answer.status_code == 200, answer.text
    return answer.json(), monotonic() - begin - serving.seconds_without_a_processor()
