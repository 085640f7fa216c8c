"""The simulated organisation: headquarters, regions, branches, teams and the people in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from services.cli.demonstration.temperaments import Temperament, temperament
from shared.access import Role

ROOT_UNIT_ID = "company"
_COMPANY = "远航智造 Farsail"

_TREE: Sequence[tuple[str, str, str | None, str]] = (
    ("east", "华东大区", ROOT_UNIT_ID, "region"),
    ("south", "华南大区", ROOT_UNIT_ID, "region"),
    ("international", "International", ROOT_UNIT_ID, "region"),
    ("shanghai", "上海分公司", "east", "region"),
    ("hangzhou", "杭州分公司", "east", "region"),
    ("guangzhou", "广州分公司", "south", "region"),
    ("shenzhen", "深圳分公司", "south", "region"),
    ("singapore", "Singapore", "international", "region"),
    ("frankfurt", "Frankfurt", "international", "region"),
)
_TEAM_NAMES = {
    "shanghai": ("上海一组", "上海二组"),
    "hangzhou": ("杭州一组", "杭州二组"),
    "guangzhou": ("广州一组", "广州二组"),
    "shenzhen": ("深圳一组", "深圳二组"),
    "singapore": ("Singapore Enterprise", "Singapore Channel"),
    "frankfurt": ("Frankfurt North", "Frankfurt South"),
}
_ENGLISH_SPEAKING = frozenset({"international", "singapore", "frankfurt"})
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡林郭何高罗郑梁谢宋唐许邓冯韩曹"
_GIVEN = (
    "伟", "芳", "娜", "敏", "静", "磊", "洋", "艳", "勇", "杰", "婷", "浩然", "雨桐",
    "子涵", "思远", "佳怡", "明轩", "晓东", "雪梅", "志强", "建国", "文静", "嘉豪", "慧敏",
    "一鸣", "丽华", "俊熙",
)  # fmt: skip
_FIRST = (
    "Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Henry", "Irene", "Jonas", "Kate",
    "Lucas", "Mia", "Noah", "Olivia", "Paul", "Rachel", "Simon", "Tara", "Victor",
)  # fmt: skip
_LAST = (
    "Becker", "Carter", "Tan", "Fischer", "Goh", "Hughes", "Klein", "Lim", "Meyer", "Novak",
    "Ong", "Parker", "Quinn", "Schmidt", "Turner", "Wagner", "Wong", "Young",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPlan:
    """`parent_id` None: the root, which every tenant has already."""

    unit_id: str
    name: str
    parent_id: str | None
    kind: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPlan:
    """`temperament` None: does not sell."""

    person_id: str
    name: str
    language: str
    unit_id: str
    role: Role
    joins_at: datetime
    temperament: Temperament | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    units: tuple[UnitPlan, ...]
    people: tuple[PersonPlan, ...]

    def path(self, unit_id: str) -> tuple[str, ...]:
        return next(unit.path for unit in self.units if unit.unit_id == unit_id)

    def person(self, person_id: str) -> PersonPlan:
        return next(each for each in self.people if each.person_id == person_id)

    @property
    def reps(self) -> tuple[PersonPlan, ...]:
        return tuple(person for person in self.people if person.temperament is not None)

    def manager_of(self, unit_id: str) -> str:
        return next(
            person.person_id
            for person in self.people
            if person.role == Role.MANAGER and person.unit_id == unit_id
        )

    def first_with(self, role: Role) -> str:
        return next(person.person_id for person in self.people if person.role == role)

    def colleagues_of(self, rep: PersonPlan) -> tuple[PersonPlan, ...]:
        return tuple(each for each in self.reps if each.unit_id == rep.unit_id and each != rep)


def staff_of(start: datetime, days: float, teams: int, reps_a_team: int, chance: Random) -> Staff:
    """At most twelve teams; the last rep of the first team joins when a third has passed."""
    units = tuple(_units(teams))
    namer = _Namer(chance)
    long_ago = start - timedelta(days=400)
    people = [*_headquarters(namer, long_ago)]
    for unit in units:
        match len(unit.path):
            case 2:
                people.append(namer.person(unit, Role.DIRECTOR, long_ago))
            case 3:
                people.append(namer.person(unit, Role.MANAGER, long_ago))
    for number, unit in enumerate(each for each in units if each.kind == "team"):
        people.append(namer.person(unit, Role.MANAGER, long_ago))
        for place in range(reps_a_team):
            is_newcomer = number == 0 and place == reps_a_team - 1
            joins_at = start + timedelta(days=int(days / 3)) if is_newcomer else long_ago
            rep = namer.person(unit, Role.REP, joins_at, temperament(number, place))
            people.append(rep)
    return Staff(units=units, people=tuple(people))


def _units(teams: int) -> Iterator[UnitPlan]:
    paths: dict[str, tuple[str, ...]] = {ROOT_UNIT_ID: (ROOT_UNIT_ID,)}
    yield UnitPlan(
        unit_id=ROOT_UNIT_ID, name=_COMPANY, parent_id=None, kind="headquarters",
        path=paths[ROOT_UNIT_ID],
    )  # fmt: skip
    names = [(branch, name) for branch, both in _TEAM_NAMES.items() for name in both]
    wanted = names[:teams]
    needed = {branch for branch, _name in wanted}
    needed |= {parent for unit_id, _, parent, _ in _TREE if unit_id in needed and parent}
    for unit_id, name, parent_id, kind in _TREE:
        if unit_id in needed and parent_id is not None:
            paths[unit_id] = (*paths[parent_id], unit_id)
            yield UnitPlan(
                unit_id=unit_id, name=name, parent_id=parent_id, kind=kind, path=paths[unit_id]
            )
    for number, (branch, name) in enumerate(wanted):
        unit_id = f"{branch}-{number % 2 + 1}"
        yield UnitPlan(
            unit_id=unit_id, name=name, parent_id=branch, kind="team",
            path=(*paths[branch], unit_id),
        )  # fmt: skip


def _headquarters(namer: "_Namer", joins_at: datetime) -> Iterator[PersonPlan]:
    root = UnitPlan(
        unit_id=ROOT_UNIT_ID, name=_COMPANY, parent_id=None, kind="headquarters",
        path=(ROOT_UNIT_ID,),
    )  # fmt: skip
    for role in (
        Role.DIRECTOR,
        Role.SALES_BP,
        Role.LEGAL,
        Role.FINANCE,
        Role.AUDITOR,
        Role.ADMINISTRATOR,
    ):
        yield namer.person(root, role, joins_at)


class _Namer:
    """Gives every person a name of their own, and an id to read by."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._chinese = [surname + given for surname in _SURNAMES for given in _GIVEN]
        self._english = [f"{first} {last}" for first in _FIRST for last in _LAST]
        chance.shuffle(self._chinese)
        chance.shuffle(self._english)
        self._count = 0

    def person(
        self,
        unit: UnitPlan,
        role: Role,
        joins_at: datetime,
        temperament: Temperament | None = None,
    ) -> PersonPlan:
        english = self._chance.random() < (0.85 if _ENGLISH_SPEAKING & set(unit.path) else 0.06)
        self._count += 1
        return PersonPlan(
            person_id=f"{role.value.replace('_', '-')}-{self._count:02}",
            name=(self._english if english else self._chinese).pop(),
            language="en" if english else "zh",
            unit_id=unit.unit_id,
            role=role,
            joins_at=joins_at,
            temperament=temperament,
        )
