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
        "ab", "ag", "as", "bv", "co", "coltd", "company", "corp", "corporation", "gmbh", "inc",
        "incorporated", "kg", "limited", "llc", "llp", "lp", "ltd", "nv", "oy", "plc", "pte", "pty",
        "pvt", "sa", "sarl", "spa", "srl",
    }
)  # fmt: skip
_LIMITED = frozenset({"limited", "ltd"})
_PRIVATE = re.compile("(?:^|(?<=[\u3400-\u9fff]))private$")
_GLUED_TO_CHINESE = re.compile(
    "(?<=[\u3400-\u9fff])"
    "(?:coltd|company|co|corporation|corp|gmbh|incorporated|inc|limited|llc|ltd|plc|pte|pty|pvt)$"
)
"""Not the short ones: 上海SPA is a name."""
_LETTER = r"[^\W_\u3400-\u9fff]"
_DOT_BETWEEN_WORDS = re.compile(
    f"(?<={_LETTER}{_LETTER})[.．]|(?<!{_LETTER})[.．]|[.．](?!{_LETTER}(?!{_LETTER}))"
)


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


def words_apart(name: str) -> str:
    """A company's name with a space for each dot but those between single letters: in Co.Ltd. are
    two words, in S.A. is one."""
    return _DOT_BETWEEN_WORDS.sub(" ", name)


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
    """A company's name, `words_apart` and in `one_spelling`, without 有限公司, Co. Ltd. and their
    like, as one word; what is nothing but a legal form stays."""
    words = name.split()
    ends_in_english = name[-1:].isascii()
    while words:
        shorter = _one_form_less(words, glued=ends_in_english)
        if not shorter:
            break
        words = shorter
    return "".join(words)


def _one_form_less(words: list[str], *, glued: bool) -> list[str]:
    """Empty where the last word ends in no legal form, or nothing would be left. `glued`: whether
    an English form may follow Chinese without a space."""
    *before, last = words
    if last in _ENGLISH_LEGAL_FORMS:
        return _not_private(before) if last in _LIMITED else before
    if glued and (found := _GLUED_TO_CHINESE.search(last)):
        rest = [*before, last[: found.start()]]
        return _not_private(rest) if found[0] in _LIMITED else rest
    for form in _CHINESE_LEGAL_FORMS:
        if last.endswith(form):
            rest_of_word = last.removesuffix(form)
            return [*before, rest_of_word] if rest_of_word else before
    return []


def _not_private(words: list[str]) -> list[str]:
    """What Limited followed, which Private belongs to: alone it is a word of the name."""
    *before, last = words or [""]
    rest = _PRIVATE.sub("", last)
    return [*before, rest] if rest else before


def email_domain(address: str) -> str | None:
    """None for what is no address."""
    local, at, domain = unicodedata.normalize("NFKC", address).strip().rpartition("@")
    domain = domain.casefold().rstrip(".")
    if not local or not at or " " in domain or "." not in domain.strip("."):
        return None
    return domain
