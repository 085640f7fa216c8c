"""The form that says what columns of leads mean, and the mapping that it spells (L1, G2)."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.projections.pages.catalogue import message
from services.projections.pages.import_mapping import FORM_FIELDS, Typed

COLUMNS: Mapping[str, str] = {
    "lead": message("The lead's number or id"),
    "captured_at": message("When it came in"),
    "customer_name": message("The customer's name"),
    "customer": message("The customer's id"),
    "credit_code": message("Credit code"),
    "contact_name": message("The contact's name"),
    "phone": message("Phone"),
    "email": message("E-mail"),
    "source": message("Where it came from"),
    "budget_status": message("Budget: untouched, oral or written"),
    "industry": message("Industry"),
    "region": message("Region"),
    "size": message("Size"),
}
NEEDED = ("lead",)
OTHER_SOURCE = "other"
_FIELDS = ("budget_status", "industry", "region", "size")
_CUSTOMER = {"customer": "id", "customer_name": "name", "credit_code": "credit_code"}
_CONTACT = {"contact_name": "name", "phone": "phone", "email": "email"}
GUESSES: Mapping[str, tuple[str, ...]] = {
    "lead": (
        r"^(lead|线索)$|lead.?(id|no|number)|线索.?(编?号|id)|prospect.?id|mql.?id",
        r"编号|序号|\bno\b|\bid\b",
    ),
    "captured_at": (r"captured|created|first.?contact|登记|创建", r"date|time|日期|时间"),
    "credit_code": (r"credit.?code|信用代码",),
    "contact_name": (r"contact.?(name|person)|联系人", r"person|姓名"),
    "phone": (r"phone|mobile|电话|手机",),
    "email": (r"e-?mail|邮箱|邮件",),
    "customer_name": (r"company|客户名|公司", r"customer|客户"),
    "source": (r"source|来源", r"channel|origin|渠道"),
    "industry": (r"industry|行业",),
    "region": (r"region|地区|区域",),
    "size": (r"\bsize\b|规模",),
}
"""How columns sound, the surest first."""
FIELDS_OF_API: Mapping[str, str] = {
    **{f"columns.{name}": name for name in COLUMNS},
    "lead.id": "lead",
    "lead.source": "source",
    "lead.unit": "unit",
    **{f"lead.fields.{name}": name for name in _FIELDS},
    **{f"customer.{theirs}": name for name, theirs in _CUSTOMER.items()},
    "customer": "customer_name",
    **{f"contact.{theirs}": name for name, theirs in _CONTACT.items()},
    **FORM_FIELDS,
}


def lead_mapping_of(source: str, typed: Typed, meant: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The document that `pulsetrail import` would read from a file."""
    columns = {name: typed[name] for name in COLUMNS if typed.get(name)}

    def read(names: Mapping[str, str]) -> dict[str, str]:
        return {theirs: f"{{{name}}}" for name, theirs in names.items() if name in columns}

    lead: dict[str, Any] = {
        "id": "{lead}",
        "unit": typed["unit"],
        "fields": read({name: name for name in _FIELDS}),
    }
    if "source" in columns:
        lead |= {"source": "{source}", "sources": dict(meant)}
    return {
        "kind": "leads",
        "source": source,
        "columns": columns,
        "file": {"delimiter": typed["delimiter"], "encoding": typed["encoding"]},
        "time": {"format": typed["format"], "zone": typed["zone"]},
        "lead": lead,
        "customer": read(_CUSTOMER),
        "contact": read(_CONTACT),
    }
