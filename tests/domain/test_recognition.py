"""Names, codes and addresses in one spelling (L1)."""

import pytest

from services.leads.domain.recognition import (
    credit_code,
    credit_code_flaw,
    email_domain,
    one_spelling,
    without_legal_form,
    words_apart,
)


def company(name: str) -> str:
    return without_legal_form(one_spelling(words_apart(name)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("宏达科技有限公司", "宏达科技"),
        ("宏达科技股份有限公司", "宏达科技有限责任公司"),
        ("宏达（上海）科技有限公司", "宏达(上海)科技"),
        ("ＡＣＭＥ　Ｌｔｄ．", "acme"),
        ("Acme Co., Ltd.", "ACME Company Limited"),
        ("Acme Inc", "Acme, LLC"),
        ("Acme S.A.", "Acme"),
        ("Acme Trading GmbH", "Acme   Trading"),
        ("🚀 Acme ™ Corp. 🚀", "Acme"),
        ("宏达\u200b科技\ufe0f有限公司", "宏达科技"),
        ("宏达 Co., Ltd.", "宏达有限公司"),
        ("瑞德(有限合伙)", "瑞德"),
        ("Acme Co.Ltd.", "Acme"),
        ("ACME CO.LTD", "Acme"),
        ("ACME.CO.,LTD", "Acme"),
        ("Acme Coltd", "Acme"),
        ("Acme Corp.Ltd", "Acme"),
        ("Acme Pvt. Ltd.", "Acme"),
        ("Acme Pvt.Ltd", "Acme"),
        ("Acme (Private) Limited", "Acme"),
        ("宏达科技Co.,Ltd.", "宏达科技"),
        ("宏达科技ＬＴＤ", "宏达科技"),
        ("宏达科技Ｃｏ．Ｌｔｄ．", "宏达科技"),
        ("宏达科技有限公司Co.,Ltd.", "宏达科技"),
        ("宏达科技Private Limited", "宏达科技"),
        ("宏达S.A.有限公司", "宏达SA"),
        ("Acme G.m.b.H.", "Acme GmbH"),
        ("J.P.Morgan & Co.", "JPMorgan"),
        ("Booking.com Inc", "Bookingcom"),
    ],
)
def test_two_spellings_of_one_company_are_the_same(one: str, other: str) -> None:
    assert company(one) == company(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("宏达科技有限公司", "宏达食品有限公司"),
        ("Acme Inc", "Acne Inc"),
        ("华为集团", "华为"),
        ("Coltd Robotics", "Robotics"),
        ("Coltd Robotics", "Coltd"),
        ("科技Private Kitchen", "科技 Kitchen"),
        ("宏达Private", "宏达"),
        ("Acme Private", "Acme"),
        ("上海SPA", "上海"),
        ("上海AS有限公司", "上海"),
        ("上海Inc有限公司", "上海"),
        ("宏达Incubator", "宏达"),
        ("Marco", "Mar"),
    ],
)
def test_two_companies_stay_two(one: str, other: str) -> None:
    assert company(one) != company(other)


def test_a_name_that_is_nothing_but_a_legal_form_stays() -> None:
    assert company("有限公司") == "有限公司"
    assert company("Limited") == "limited"
    assert company("Private Limited") == "privatelimited"
    assert company("Co.Ltd") == "co"


def test_a_name_of_emoji_alone_is_recognised_by_nothing() -> None:
    assert company("🚀✨") == ""


@pytest.mark.parametrize(
    "code", ["91350100M000100Y43", "９１３５０１００ｍ０００１００ｙ４３", " 91350100 M000100Y43 "]
)
def test_a_credit_code_with_its_check_digit_is_accepted_in_any_spelling(code: str) -> None:
    assert credit_code(code) == "91350100M000100Y43"
    assert credit_code_flaw(credit_code(code)) is None


@pytest.mark.parametrize(
    ("code", "flaw"),
    [
        ("91350100M000100Y44", "has a wrong check digit"),
        ("91350100M001000Y43", "has a wrong check digit"),
        ("91350100M000100Y4", "has 18 digits"),
        ("91350100I000100Y43", "has 18 digits"),
        ("", "has 18 digits"),
    ],
)
def test_a_credit_code_that_cannot_exist_says_why(code: str, flaw: str) -> None:
    assert (credit_code_flaw(code) or "").startswith(flaw)


def test_every_single_wrong_character_of_a_credit_code_is_found() -> None:
    right = "91350100M000100Y43"
    for place, character in enumerate(right):
        for other in "0123456789ABCDEFGHJKLMNPQRTUWXY":
            if other != character:
                assert credit_code_flaw(right[:place] + other + right[place + 1 :]) is not None


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("Wang.Fang@Hongda.Example", "hongda.example"),
        ("wang＠hongda．example", "hongda.example"),
        ("@hongda.example", None),
        ("wang@", None),
        ("wang@localhost", None),
        ("nobody", None),
    ],
)
def test_the_domain_of_an_address(address: str, domain: str | None) -> None:
    assert email_domain(address) == domain
