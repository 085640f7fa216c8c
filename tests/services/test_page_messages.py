"""The catalogues of the pages: every message in every language, and none that nobody says."""

import re
from collections.abc import Sequence

import pytest

from services.projections.pages.catalogue import catalogue
from services.projections.pages.reader_words import Words
from tests.services.page_messages import known, messages, translated
from tests.services.sales_floor import NOW


def source_of(text: Sequence[str] | str) -> str:
    return text if isinstance(text, str) else text[0]


def texts(language: str) -> dict[str, str]:
    """Of the catalogue, by what is said in the source language."""
    return {
        source_of(each.id): source_of(each.string or ("",)) for each in known(language) if each.id
    }


@pytest.mark.parametrize("language", translated())
def test_every_message_is_translated_and_none_is_unused(language: str) -> None:
    said = {source_of(text) for text in messages()}
    in_catalogue = texts(language)

    assert sorted(said - in_catalogue.keys()) == []
    assert sorted(in_catalogue.keys() - said) == []
    assert [each for each, text in in_catalogue.items() if not text] == []


@pytest.mark.parametrize("language", translated())
def test_a_translation_names_the_same_values(language: str) -> None:
    named = re.compile(r"%\((\w+)\)s")
    for source, text in texts(language).items():
        assert set(named.findall(source)) == set(named.findall(text)), source


def words(language: str) -> Words:
    return Words(language=language, zone="Asia/Shanghai", now=NOW)


@pytest.mark.parametrize(
    ("hours", "chinese", "english"),
    [
        (6.9, "还剩 6 小时", "6 hours left"),
        (1.0, "还剩 1 小时", "1 hour left"),
        (0.5, "不到 1 小时", "under an hour left"),
        (-0.5, "刚刚超时", "just over"),
        (-1.5, "超时 1 小时", "1 hour over"),
        (-50.0, "超时 2 天", "2 days over"),
        (71.0, "还剩 2 天", "2 days left"),
        (None, "无限额", "no limit"),
    ],
)
def test_time_left_is_said_as_people_say_it(
    hours: float | None, chinese: str, english: str
) -> None:
    assert words("zh").left(hours) == chinese
    assert words("en").left(hours) == english


def test_times_and_money_are_written_as_the_reader_writes_them() -> None:
    assert words("zh").when(NOW.replace(month=1)) == "1月2日 17:00"
    assert words("en").when(NOW.replace(month=1)) == "2 Jan 17:00"
    assert words("zh").when(NOW) == "17:00"
    assert words("zh").money("1234567.5", "CNY") == "¥1,234,567.50"
    assert words("en").money("1234567.5", "EUR") == "€1,234,567.50"
    assert words("en").money(None, "EUR") == "–"
    assert words("en").percent(None) == "–"
    assert words("en").percent(0.91349) == "91.3 %"


def test_what_no_catalogue_knows_is_said_in_the_source_language() -> None:
    assert catalogue("zh").gettext("nobody ever said this") == "nobody ever said this"
