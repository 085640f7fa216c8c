"""By what two customers are recognised as one: names, codes and addresses in one spelling (L1)."""

import re
import unicodedata
from enum import StrEnum

_CODE_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CODE = re.compile(f"[{_CODE_ALPHABET}]{{18}}")

_CHINESE_LEGAL_FORMS = (
    "股份有限责任公司", "有限责任公司", "股份有限公司", "特殊普通合伙", "有限公司", "股份公司",
    "责任公司", "普通合伙", "有限合伙", "合伙企业", "公司",
)  # fmt: skip
"""The longer before those that they end in."""
_ENGLISH_LEGAL_FORMS = frozenset(
    {
        "ab", "ag", "as", "bv", "co", "company", "corp", "corporation", "gmbh", "inc",
        "incorporated", "kg", "limited", "llc", "llp", "lp", "ltd", "nv", "oy", "plc", "pte", "pty",
        "sa", "sarl", "spa", "srl",
    }
)  # fmt: skip


class Reason(StrEnum):
    """Why a customer is taken for another."""

    CREDIT_CODE = "credit-code"
    PHONE = "phone"
    COMPANY_NAME = "company-name"
    EMAIL_DOMAIN_AND_NAME = "email-domain-and-name"


def credit_code(text: str) -> str:
    """A unified social credit code in capitals and half-width characters."""
    return "".join(unicodedata.normalize("NFKC", text).split()).upper()


def credit_code_flaw(code: str) -> str | None:
    """None for a code that can exist: 18 characters, the last of which checks the others
    (GB 32100-2015: 31 − Σ cᵢ·3ⁱ mod 31, i from 0)."""
    if not _CODE.fullmatch(code):
        return "has 18 digits and capital letters, without I, O, S, V and Z"
    total = sum(
        _CODE_ALPHABET.index(character) * pow(3, place, 31)
        for place, character in enumerate(code[:17])
    )
    if _CODE_ALPHABET[-total % 31] != code[17]:
        return "has a wrong check digit"
    return None


def one_spelling(text: str) -> str:
    """Half-width, lower case, words apart by one space; without punctuation, emoji and marks that
    are not seen. Traditional characters are the caller's business: that takes a dictionary."""
    # Before anything else: ™ would become the letters TM.
    plain = "".join(" " if unicodedata.category(each) == "So" else each for each in text)
    compatible = unicodedata.normalize("NFKC", plain).casefold()
    return " ".join("".join(_kept(character) for character in compatible).split())


def _kept(character: str) -> str:
    if character == ".":
        return ""  # S.A. is SA
    category = unicodedata.category(character)
    if category[0] in "LN" or (category in ("Mn", "Mc") and not _is_variation(character)):
        return character
    return "" if category == "Cf" or _is_variation(character) else " "


def _is_variation(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f"


def without_legal_form(name: str) -> str:
    """A company's name, spelled as by `one_spelling`, without 有限公司, Co. Ltd. and their like, as
    one word; what is nothing but a legal form stays."""
    words = name.split()
    while words:
        shorter = _one_form_less(words)
        if not shorter:
            break
        words = shorter
    return "".join(words)


def _one_form_less(words: list[str]) -> list[str]:
    """Empty where the last word ends in no legal form, or nothing would be left."""
    *before, last = words
    if last in _ENGLISH_LEGAL_FORMS:
        return before
    for form in _CHINESE_LEGAL_FORMS:
        if last.endswith(form):
            rest = last.removesuffix(form)
            return [*before, rest] if rest else before
    return []


def email_domain(address: str) -> str | None:
    """None for what is no address."""
    local, at, domain = unicodedata.normalize("NFKC", address).strip().rpartition("@")
    domain = domain.casefold().rstrip(".")
    if not local or not at or " " in domain or "." not in domain.strip("."):
        return None
    return domain
