"""The customers of the demonstration: names in both languages, industries, key accounts."""

from decimal import Decimal
from random import Random
from typing import NamedTuple

from services.leads.domain.customer import CustomerDescription
from shared.events.leads import Contact

_PLACES = ("华", "江", "东", "海", "南", "岭", "星", "云", "宏", "瑞", "德", "恒", "金", "天", "盛")
_WORDS = ("达", "科", "联", "信", "创", "源", "泰", "成", "益", "通", "力", "润", "丰", "森", "驰")
_ENGLISH = (
    "Alder", "Birch", "Cobalt", "Delta", "Ember", "Fjord", "Garnet", "Harbour", "Iris", "Juniper",
    "Kestrel", "Linden", "Maple", "Nordic", "Orchid", "Pioneer", "Quartz", "Rhein", "Sable", "Tern",
)  # fmt: skip
_KINDS = ("Systems", "Foods", "Logistics", "Pharma", "Motors", "Energy", "Retail", "Labs")


class Industry(NamedTuple):
    """`is_key`: how likely one of its customers is a key account."""

    name: str
    chinese_suffix: str
    is_key: float


_INDUSTRIES = (
    Industry("new_energy", "新能源", 0.55),
    Industry("semiconductor", "半导体", 0.5),
    Industry("pharmaceutical", "医药", 0.25),
    Industry("automotive_parts", "汽车零部件", 0.15),
    Industry("food", "食品", 0.05),
    Industry("logistics", "物流", 0.05),
    Industry("machinery", "机械", 0.05),
)
_SURNAMES = "王李张刘陈杨黄赵吴周"


class CustomerPlan(NamedTuple):
    customer_id: str
    description: CustomerDescription


def customer(number: int, english: bool, is_store: bool, chance: Random) -> CustomerPlan:
    industry = chance.choice(_INDUSTRIES)
    if english:
        family = chance.choice(_ENGLISH)
        name = f"{family} {chance.choice(_ENGLISH)} {chance.choice(_KINDS)}"
        contact = Contact(contact_id="c1", name=f"{chance.choice('ABCDEFGHJ')}. {family}")
    else:
        word = chance.choice(_PLACES) + chance.choice(_WORDS) + chance.choice(_WORDS)
        ending = "便利店" if is_store else f"{industry.chinese_suffix}有限公司"
        name = word + ending
        contact = Contact(contact_id="c1", name=chance.choice(_SURNAMES) + "经理")
    description = CustomerDescription(
        name=name,
        customer_type="store" if is_store else "company",
        industry="retail" if is_store else industry.name,
        is_key=not is_store and chance.random() < industry.is_key,
        contacts=(contact,),
    )
    return CustomerPlan(f"C-{number:04}", description)


def deal_amount(is_store: bool, chance: Random) -> Decimal:
    mean = 10.2 if is_store else 12.6
    return Decimal(round(chance.lognormvariate(mean, 0.7), -2)).quantize(Decimal("0.01"))
