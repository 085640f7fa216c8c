"""By what a customer is recognised, before it is sealed (L1)."""

from typing import Any

import pytest

from services.leads.domain.customer import CustomerDescription
from services.leads.domain.recognition import Reason
from services.leads.marking import international_phone, recognised_by
from shared.events.leads import Contact


def reasons(one: CustomerDescription, other: CustomerDescription) -> set[str]:
    return {
        reason for reason, _said in set(recognised_by(one, "CN")) & set(recognised_by(other, "CN"))
    }


def reached(**contact: Any) -> CustomerDescription:
    return CustomerDescription(contacts=(Contact(contact_id="K1", **contact),))


def named(name: str) -> CustomerDescription:
    return CustomerDescription(name=name)


@pytest.mark.parametrize(
    ("text", "region", "phone"),
    [
        ("138 0000 0000", "CN", "+8613800000000"),
        ("０１３８-0000-0000".replace("０", ""), "CN", "+8613800000000"),
        ("＋８６　１３８００００００００", "CN", "+8613800000000"),
        ("0086 138 0000 0000", "CN", "+8613800000000"),
        ("(010) 6234 5678", "CN", "+861062345678"),
        ("+1 (650) 253-0000", "CN", "+16502530000"),
        ("650 253 0000", "US", "+16502530000"),
        ("+49 30 901820", "CN", "+4930901820"),
        ("138 0000 0000 转 12", "CN", "+8613800000000"),
        ("010-62345678轉8012", "CN", "+861062345678"),
        ("（010）62345678 分机：12", "CN", "+861062345678"),
        ("010-62345678（转12）", "CN", "+861062345678"),
        ("010-62345678 Ext. 8012", "CN", "+861062345678"),
        ("转 12", "CN", None),
        ("12", "CN", None),
        ("call me", "CN", None),
        ("", "CN", None),
    ],
)
def test_phones_of_all_countries_in_one_spelling(text: str, region: str, phone: str | None) -> None:
    assert international_phone(text, region) == phone


def test_traditional_and_simplified_names_are_one() -> None:
    assert reasons(named("臺灣積體電路製造股份有限公司"), named("台湾积体电路制造")) == {
        Reason.COMPANY_NAME
    }


def test_a_name_as_it_stands_on_english_paper_is_the_company() -> None:
    assert reasons(named("宏達科技Co.,Ltd."), named("宏达科技有限公司")) == {Reason.COMPANY_NAME}
    assert reasons(named("ACME CO.LTD"), named("Acme Private Limited")) == {Reason.COMPANY_NAME}


def test_the_same_person_at_one_domain_is_recognised_but_not_elsewhere() -> None:
    one = reached(name="王芳", email="wang@hongda.example")
    assert reasons(one, reached(name="王 芳 ", email="fang@HONGDA.example")) == set()
    assert reasons(one, reached(name="王芳", email="fang@HONGDA.example")) == {
        Reason.EMAIL_DOMAIN_AND_NAME
    }
    assert reasons(one, reached(name="王芳", email="wang@other.example")) == set()


def test_every_reason_is_found_by_itself() -> None:
    one = CustomerDescription(
        name="宏达科技有限公司",
        credit_code="91350100M000100Y43",
        contacts=(
            Contact(
                contact_id="K1", name="Wang Fang", phone="13800000000", email="w@hongda.example"
            ),
        ),
    )
    assert reasons(one, one) == set(Reason)
    assert reasons(one, CustomerDescription(credit_code="91350100M000100Y43")) == {
        Reason.CREDIT_CODE
    }
    assert reasons(one, reached(name="Li", phone="+86 138 0000 0000")) == {Reason.PHONE}
    assert reasons(one, CustomerDescription()) == set()
