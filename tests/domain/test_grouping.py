"""Many escalations for one person become one message; what is too long is split (N4)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.grouping import RESERVED_BYTES, Notice, letters, size

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
WECOM_TEXT = 2_048
DINGTALK = 20_000

NOTICE = Notice(
    escalation_id="E1",
    person_id="rep",
    channels=("dingtalk",),
    language="zh",
    urgency=0,
    due_at=NOW,
    title="商机 O1 静默超限",
    line="商机 O1 静默已超限 9.0 小时",
)


def numbered(count: int) -> list[Notice]:
    return [
        replace(NOTICE, escalation_id=f"E{n:04d}", due_at=NOW + timedelta(minutes=n))
        for n in range(count)
    ]


def test_one_escalation_is_a_message_of_its_own() -> None:
    [letter] = letters([NOTICE], DINGTALK)
    assert letter.title == "商机 O1 静默超限"
    assert letter.body == "商机 O1 静默已超限 9.0 小时"
    assert letter.escalation_ids == ("E1",)


def test_many_for_one_person_become_one_digest() -> None:
    [letter] = letters(numbered(5), DINGTALK)
    assert letter.title == "5 项升级待处理"
    assert letter.body.count("\n") == 4
    assert len(letter.escalation_ids) == 5


def test_two_people_get_a_letter_each() -> None:
    both = letters([NOTICE, replace(NOTICE, person_id="manager")], DINGTALK)
    assert [letter.person_id for letter in both] == ["manager", "rep"]


def test_what_goes_other_ways_goes_apart() -> None:
    both = letters([NOTICE, replace(NOTICE, channels=("inbox",))], DINGTALK)
    assert [letter.channels for letter in both] == [("dingtalk",), ("inbox",)]


def test_the_most_urgent_stands_first_then_what_was_due_first() -> None:
    late = replace(NOTICE, escalation_id="late", due_at=NOW + timedelta(hours=1))
    urgent = replace(late, escalation_id="urgent", urgency=2)
    [letter] = letters([late, NOTICE, urgent], DINGTALK)
    assert letter.escalation_ids == ("urgent", "E1", "late")
    assert letter.urgency == 2


def test_going_live_is_told_in_a_digest_of_its_own() -> None:
    live = replace(NOTICE, escalation_id="E2", going_live=True)
    titles = [letter.title for letter in letters([NOTICE, live], DINGTALK)]
    assert titles == ["商机 O1 静默超限", "上线汇总：1 项升级待处理"]


def test_a_long_digest_is_split_and_numbered() -> None:
    parts = letters(numbered(60), WECOM_TEXT)
    assert parts[0].title == f"60 项升级待处理（1/{len(parts)}）"
    assert parts[-1].title == f"60 项升级待处理（{len(parts)}/{len(parts)}）"


def test_a_line_longer_than_a_body_keeps_its_beginning_and_says_so() -> None:
    [letter] = letters([replace(NOTICE, line="长" * 5_000)], WECOM_TEXT)
    assert letter.body.startswith("长长")
    assert letter.body.endswith("……内容过长，请点击查看")


NOTICES = st.lists(
    st.builds(
        Notice,
        escalation_id=st.uuids().map(str),
        person_id=st.sampled_from(("rep", "manager")),
        channels=st.sampled_from((("dingtalk",), ("inbox",))),
        language=st.sampled_from(("zh", "en")),
        urgency=st.integers(0, 3),
        due_at=st.integers(0, 100).map(lambda minutes: NOW + timedelta(minutes=minutes)),
        title=st.text("题 t", min_size=1, max_size=30),
        line=st.text("行 l", min_size=1, max_size=1_200),
        going_live=st.booleans(),
    ),
    max_size=40,
    unique_by=lambda notice: notice.escalation_id,
)


@given(NOTICES, st.sampled_from((WECOM_TEXT, 4_096, DINGTALK)))
def test_every_escalation_stands_in_one_letter_and_every_letter_fits(
    notices: list[Notice], limit: int
) -> None:
    written = letters(notices, limit)
    held = [escalation for letter in written for escalation in letter.escalation_ids]
    assert sorted(held) == sorted(notice.escalation_id for notice in notices)
    for letter in written:
        assert size(letter.title) + size(letter.body) <= limit - RESERVED_BYTES
        assert letter.body.count("\n") + 1 == len(letter.escalation_ids)
    assert written == letters(list(reversed(notices)), limit), "equal inputs give equal letters"
