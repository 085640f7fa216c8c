"""What messages say in both languages, and a tenant's own words in place of ours (N6)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.notifications.domain.default_words import (
    CONDENSED,
    DEFAULT_WORDS,
    DIGEST_TITLE,
    GOING_LIVE_TITLE,
    MAY_BE_A_REPEAT,
    OPEN_LINK,
    PART,
    RESOLVED_TITLE,
    Words,
)
from services.notifications.domain.wording import WORDING, RemoveWords, SetWords
from services.notifications.domain.words import (
    LANGUAGES,
    SAMPLE,
    language_for,
    preview,
    rendered,
    word_problems,
    words_for,
)
from shared.errors import Malformed, NotFound
from shared.events.notifications import WordsRemoved, WordsSet
from tests.specs import Spec

NOW = SAMPLE.due_at + timedelta(hours=9)
OWN = Words(title="{subject} 请跟进", line="{owner}：{subject} 已 {hours_over} 小时没有动静")

RULES = (
    "stalled",
    "stage_overdue",
    "golden_action_overdue",
    "next_action_due",
    "next_action_reminder",
    "approval_overdue",
    "no_response",
    "evidence_reused",
    "workshop_proposed",
    "coach_needed",
    "channel_failing",
)

wording = Spec(WORDING)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_words_in_both_languages(rule: str, language: str) -> None:
    words = DEFAULT_WORDS[rule, language]
    assert list(word_problems(rule, language, words)) == []
    shown = preview(words, language)
    assert "{" not in shown.title + shown.line


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fixed_phrase_exists_in_both_languages(language: str) -> None:
    for phrase in (
        CONDENSED,
        DIGEST_TITLE,
        GOING_LIVE_TITLE,
        MAY_BE_A_REPEAT,
        OPEN_LINK,
        PART,
        RESOLVED_TITLE,
    ):
        assert phrase[language]


def test_what_stalled_says() -> None:
    assert preview(words_for("stalled", "zh", {}), "zh").line == (
        "商机 O-1001 静默已超限 9.0 小时，请联系客户并记录销售动作"
        "（阶段 solution_shown，华东一组，负责人 王芳，客户 C-2001）"
    )
    assert preview(words_for("stalled", "en", {}), "en").line == (
        "Opportunity O-1001 is silent 9.0 h over its limit: contact the customer, log the action"
        " (stage solution_shown, 华东一组, owner 王芳, customer C-2001)"
    )


def test_a_rule_without_words_of_its_own_is_still_told() -> None:
    matter = replace(SAMPLE, rule="something_new")
    said = rendered(words_for("something_new", "en", {}), matter, "en", NOW)
    assert said.title == "Opportunity O-1001: signal something_new"
    assert "due 2026-03-02 09:30" in said.line


def test_what_is_unknown_shows_as_a_dash() -> None:
    matter = replace(SAMPLE, owner=None, customer=None)
    assert "owner —" in rendered(words_for("stalled", "en", {}), matter, "en", NOW).line


def test_names_from_outside_make_neither_lines_nor_links() -> None:
    matter = replace(SAMPLE, unit="team\n- [free](http://evil.example)")
    said = rendered(words_for("stalled", "en", {}), matter, "en", NOW).line
    assert "\n" not in said
    assert "[free]" not in said


@pytest.mark.parametrize(
    ("spoken", "language"),
    [("zh", "zh"), ("zh-CN", "zh"), ("ZH", "zh"), ("en-GB", "en"), ("fr", "en"), ("", "en")],
)
def test_the_nearest_language_is_chosen(spoken: str, language: str) -> None:
    assert language_for(spoken) == language


def set_(words: Words, language: str = "zh") -> SetWords:
    return SetWords(rule="stalled", language=language, words=words, now=NOW)


SET = WordsSet(rule="stalled", language="zh", title=OWN.title, line=OWN.line)


def test_a_tenants_own_words_take_the_place_of_ours() -> None:
    wording.when(set_(OWN)).then(SET)
    own = wording.given(SET).state().by_rule_and_language()
    assert words_for("stalled", "zh", own) == OWN
    assert words_for("stalled", "en", own) == DEFAULT_WORDS["stalled", "en"]


def test_the_same_words_again_change_nothing() -> None:
    wording.given(SET).when(set_(OWN)).then_nothing()


def test_removing_them_brings_ours_back() -> None:
    removed = WordsRemoved(rule="stalled", language="zh")
    remove = RemoveWords(rule="stalled", language="zh", now=NOW)
    wording.given(SET).when(remove).then(removed)
    wording.given(SET, removed).when(remove).then_refused(NotFound)
    own = wording.given(SET, removed).state().by_rule_and_language()
    assert words_for("stalled", "zh", own) == DEFAULT_WORDS["stalled", "zh"]


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (replace(OWN, title=""), "title"),
        (replace(OWN, title="x" * 101), "title"),
        (replace(OWN, line="{amount}"), "line"),
        (replace(OWN, line="{subject.__class__}"), "line"),
        (replace(OWN, line="{subject!r}"), "line"),
        (replace(OWN, line="{subject:>9}"), "line"),
        (replace(OWN, line="{"), "line"),
        (replace(OWN, line="{}"), "line"),
    ],
)
def test_words_that_name_what_no_signal_has_are_refused(words: Words, field: str) -> None:
    refusal = wording.when(set_(words)).then_refused(Malformed)
    assert {problem.field for problem in refusal.errors} == {field}


def test_words_in_a_third_language_are_refused() -> None:
    refusal = wording.when(set_(OWN, "fr")).then_refused(Malformed)
    assert [problem.field for problem in refusal.errors] == ["language"]
