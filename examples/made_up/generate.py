"""Writes the made-up sales log of Lanmu Instruments 蓝木仪器, a company that does not exist.

    python examples/made_up/generate.py [FILE]

The same seed gives the same bytes. Columns and habits are those of a process log as companies
keep them: rows of the same millisecond, rows without a person, rows after the closing, silences,
moves back, skipped stages, wins out of nowhere. The cases of planted.csv stand exactly on
the edges of the rules (a limit, a week's end, the last row's time).
"""

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import TypeVar

SEED = 20250303
T = TypeVar("T")

LOCAL = timezone(timedelta(hours=8))
BEGIN = datetime(2025, 3, 3, 8, 30, tzinfo=LOCAL)
END = datetime(2025, 5, 25, 18, 30, 17, 123000, tzinfo=LOCAL)
ORDINARY_CASES = 380
SALES_PEOPLE = tuple(str(number) for number in range(201, 213))
COLUMNS = (
    "case:AMOUNT_REQ",
    "case:REG_DATE",
    "case:concept:name",
    "concept:name",
    "lifecycle:transition",
    "org:resource",
    "time:timestamp",
)
STAGES = ("LEAD_IN", "QUALIFIED", "SOLUTION", "QUOTE_SENT", "NEGOTIATION")
GOLDEN = {
    "QUALIFIED": (("电话沟通", "START"),),
    "QUOTE_SENT": (("上门拜访", "START"),),
    "NEGOTIATION": (("Sample sent", "COMPLETE"), ("Demo", "START")),
}
SMALL_TALK = (
    ("微信消息", "COMPLETE"),
    ("电话沟通", "SCHEDULE"),
    ("电话沟通", "START"),
    ("内部评审", "COMPLETE"),
    ("Datasheet opened", "COMPLETE"),
    ("Demo", "START"),
)


@dataclass(frozen=True, slots=True)
class LogRow:
    amount: str
    registered_at: datetime
    case: str
    activity: str
    lifecycle: str
    resource: str
    at: datetime

    def cells(self) -> tuple[str, ...]:
        return (
            self.amount,
            written(self.registered_at),
            self.case,
            self.activity,
            self.lifecycle,
            self.resource,
            written(self.at),
        )


def written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


class Story:
    """One case while it is being told; `chance` and `choice` draw from the log's one generator."""

    def __init__(self, random: Random, case: str, at: datetime) -> None:
        self.random = random
        self.case = case
        self.registered_at = at
        self.at = at
        self.owner = self.choice(SALES_PEOPLE)
        self.amount = f"{self.between(20, 4000) * 100}" + ("" if self.chance(0.7) else ".50")
        self.rows: list[LogRow] = []

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def between(self, low: int, high: int) -> int:
        return low + int(self.random.random() * (high - low + 1))

    def choice(self, options: tuple[T, ...]) -> T:
        return options[self.between(0, len(options) - 1)]

    def pause(self, mean_hours: float) -> None:
        """Time passes; people write between 08:00 and 20:00."""
        hours = self.random.expovariate(1 / mean_hours)
        self.at += timedelta(milliseconds=int(hours * 3_600_000))
        if not 8 <= self.at.hour < 20:
            self.at += timedelta(hours=12)

    def tell(self, activity: str, lifecycle: str = "COMPLETE", resource: str | None = None) -> None:
        resource = self.owner if resource is None else resource
        row = LogRow(
            self.amount,
            self.registered_at,
            self.case,
            activity,
            lifecycle,
            resource,
            self.at,
        )
        self.rows.append(row)
        if self.chance(0.01):
            self.rows.append(row)

    def action(self, activity: str, lifecycle: str) -> None:
        resource = self.owner
        if activity == "Datasheet opened":
            resource = "sys"
        elif self.chance(0.07):
            resource = ""
        elif self.chance(0.08):
            resource = self.choice(SALES_PEOPLE)
        self.tell(activity, lifecycle, resource)
        if lifecycle == "START" and not self.chance(0.06):
            self.at += timedelta(minutes=self.between(2, 55), milliseconds=self.between(0, 999))
            self.tell(activity, "COMPLETE", resource)
        if not self.chance(0.15):
            self.at += timedelta(milliseconds=self.between(1, 90_000))


def ordinary(random: Random, case: str) -> list[LogRow]:
    """A deal from lead to its end, or to the end of the log."""
    days = int(random.random() * 77)
    story = Story(random, case, BEGIN + timedelta(days=days))
    story.pause(4)
    story.registered_at = story.at
    story.tell("LEAD_IN", resource="sys" if story.chance(0.8) else story.owner)
    stage = 0
    while True:
        converse(story, stage)
        ending = ending_after(story, stage)
        if ending:
            story.pause(20)
            story.tell(ending, resource="sys" if ending == "LOST_SILENT" else None)
            afterwards(story)
            return story.rows
        stage = next_stage(story, stage)
        story.tell(STAGES[stage], resource="sys" if stage == 1 and story.chance(0.4) else None)


def converse(story: Story, stage: int) -> None:
    """What is done within a stage; one in eight stays lacks its golden actions."""
    wanted = list(GOLDEN.get(STAGES[stage], ())) if story.chance(0.88) else []
    for _ in range(story.between(0, 2)):
        wanted.append(story.choice(SMALL_TALK))
    for activity, lifecycle in wanted:
        story.pause(150 if story.chance(0.12) else 16)
        story.action(activity, lifecycle)
    story.pause(18)


def ending_after(story: Story, stage: int) -> str:
    lost = ("LOST_PRICE", "LOST_SILENT", "LOST_RIVAL")
    if stage == 4 and story.chance(0.5):
        return story.choice(("WON", "WON", "CONTRACT_SIGNED"))
    if story.chance(0.02):
        return "WON"
    return story.choice(lost) if story.chance(0.14) else ""


def next_stage(story: Story, stage: int) -> int:
    if stage and story.chance(0.09):
        return story.between(1, stage)
    if story.chance(0.04):
        return min(stage + 2, 4)
    return min(stage + 1, 4)


def afterwards(story: Story) -> None:
    if story.chance(0.25):
        story.pause(30)
        story.tell(story.choice(("微信消息", "WON", "QUOTE_SENT", "LOST_RIVAL")))


def planted_rows() -> Iterator[LogRow]:
    """The cases on the edges, as they are written down beside this script."""
    registered_at: dict[str, datetime] = {}
    with Path(__file__).with_name("planted.csv").open(encoding="utf-8", newline="") as text:
        for line in csv.DictReader(text):
            case, at = line["case"], datetime.fromisoformat(line["at"])
            yield LogRow(
                "12800",
                registered_at.setdefault(case, at),
                case,
                line["activity"],
                line["lifecycle"],
                line["resource"],
                at,
            )


def log_rows(
    seed: int = SEED,
    ordinary_cases: int = ORDINARY_CASES,
    first_case: int = 1000,
) -> list[LogRow]:
    """The rows by time; a log larger than 4,000 cases begins beyond the planted ones."""
    random = Random(seed)
    cases = (str(first_case + number) for number in range(ordinary_cases))
    rows = [row for case in cases for row in ordinary(random, case) if row.at < END]
    rows.extend(planted_rows())
    return sorted(rows, key=lambda row: row.at)


def write(file: Path, rows: list[LogRow]) -> None:
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(row.cells() for row in rows)


if __name__ == "__main__":
    here = Path(__file__).with_name("log.csv")
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else here, log_rows())
