"""A hot word in a group chat: which are said, what becomes of the lead, who gets it (L8)."""

from dataclasses import replace
from datetime import datetime

import pytest

from services.leads.domain.allocation import Why
from services.leads.domain.allocation_book import (
    ALLOCATION_BOOK,
    AllocateLead,
    AllocationBook,
    replayed_rep,
)
from services.leads.domain.customer_message import (
    CUSTOMER_MESSAGE,
    MessageIsAnothers,
    ReceiveMessage,
    words_within,
)
from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import HearHotWord, ReturnLead
from services.leads.domain.lead_state import Captured, LeadIsClosed
from services.leads.marking import simplified
from shared.events.leads import (
    CustomerMessageReceived,
    HotWordSaid,
    LeadAllocated,
    LeadBehaviourNoted,
    LeadCaptured,
    LeadDisqualified,
    LeadReleased,
)
from tests.domain.lead_examples import (
    HOUR,
    NOW,
    PATH,
    RULES,
    assigned,
    captured,
    contacted,
    scored,
)
from tests.domain.test_allocation import NOW as ALLOCATED_AT
from tests.domain.test_allocation import OPEN, rep
from tests.domain.test_allocation import RULES as ALLOCATION_RULES
from tests.specs import Spec

lead = Spec(LEAD)
message = Spec(CUSTOMER_MESSAGE)

RECEIVE = ReceiveMessage(
    message_id="M1",
    customer_id="C1",
    group_id="G1",
    text="样品多少钱？",
    hot_words=("样品",),
    unit_id="team-1",
    unit_path=PATH,
    occurred_at=NOW,
)
RECEIVED = CustomerMessageReceived(
    message_id="M1",
    customer_id="C1",
    group_id="G1",
    text="样品多少钱？",
    hot_words=["样品"],
    unit_id="team-1",
    unit_path=list(PATH),
    received_at=NOW,
)


def hear(at: datetime = NOW, message_id: str = "M1") -> HearHotWord:
    return HearHotWord(
        lead_id="L1",
        customer_id="C1",
        message_id=message_id,
        words=("样品",),
        unit_id="team-1",
        unit_path=PATH,
        rules=RULES,
        said_at=at,
        now=at,
    )


def said(at: datetime = NOW, message_id: str = "M1") -> HotWordSaid:
    return HotWordSaid(
        lead_id="L1", customer_id="C1", message_id=message_id, words=["样品"], said_at=at
    )


HOT = LeadBehaviourNoted(lead_id="L1", behaviour="hot_word", noted_at=NOW)


class TestWords:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("这个价格太高了", (0,)),
            ("請問價格？", (0,)),
            ("价格和样品都要", (0, 1)),
            ("What is the PRICE, please?", (2,)),
            ("ｐｒｉｃｅ?", (2,)),
            ("it is priceless", ()),
            ("你好 😀", ()),
            ("", ()),
        ],
    )
    def test_words_are_found_in_whatever_width_case_or_characters(
        self, text: str, found: tuple[int, ...]
    ) -> None:
        words = [simplified(each) for each in ("价格", "样品", "Price")]
        assert words_within(simplified(text), words) == found

    def test_a_word_of_signs_only_is_in_no_message(self) -> None:
        assert words_within(simplified("😀"), [simplified("😀")]) == ()


class TestMessages:
    def test_a_message_is_received_once(self) -> None:
        message.when(RECEIVE).then(RECEIVED)
        message.given(RECEIVED).when(RECEIVE).then_nothing()

    def test_an_id_that_another_customers_message_has_is_refused(self) -> None:
        other = replace(RECEIVE, customer_id="C2")
        message.given(RECEIVED).when(other).then_refused(MessageIsAnothers)


class TestHearing:
    def test_a_customer_without_a_lead_becomes_one(self) -> None:
        first: LeadCaptured = captured("group_chat")
        lead.when(hear()).then(first, HOT, said())

    def test_a_waiting_lead_is_hurried_once(self) -> None:
        lead.given(captured()).when(hear()).then(HOT, said())
        again = hear(NOW + HOUR, "M2")
        lead.given(captured(), HOT, said()).when(again).then_nothing()

    def test_a_message_delivered_twice_adds_nothing(self) -> None:
        lead.given(captured("group_chat"), HOT, said()).when(hear()).then_nothing()

    def test_once_it_was_answered_a_further_hot_word_is_news(self) -> None:
        answered = (captured(), assigned(), HOT, said(), contacted(NOW + HOUR))
        lead.given(*answered).when(hear(NOW + 2 * HOUR, "M2")).then(said(NOW + 2 * HOUR, "M2"))
        lead.given(*answered).when(hear(NOW + HOUR, "M2")).then_nothing()

    def test_what_marketing_had_goes_to_sales_again(self) -> None:
        given_back = lead.given(captured()).when(ReturnLead(lead_id="L1", now=NOW)).events()
        released = LeadReleased(lead_id="L1", released_at=NOW + HOUR)
        state = (
            lead.given(captured(), HOT, said(), *given_back)
            .when(hear(NOW + HOUR, "M2"))
            .then(released, said(NOW + HOUR, "M2"))
        )
        assert isinstance(state, Captured)
        assert state.facts.rounds == 2

    def test_its_points_count_at_once_where_the_lead_was_judged(self) -> None:
        judged = (captured(), scored(30, 0, 30))
        at = NOW + 26 * HOUR
        noted = replace(HOT, noted_at=at)
        lead.given(*judged).when(hear(at)).then(noted, said(at), scored(30, 10, 30, at))

    def test_a_closed_lead_hears_nothing(self) -> None:
        closed = LeadDisqualified(
            lead_id="L1",
            reason="gone",
            owner_id=None,
            unit_id="team-1",
            found_nobody_at=None,
            disqualified_at=NOW,
        )
        lead.given(captured(), closed).when(hear()).then_refused(LeadIsClosed)


def allocate(*reps: tuple[str, float | None], served: frozenset[str] = frozenset()) -> AllocateLead:
    situations = tuple(replace(rep(name), response_seconds=mean) for name, mean in reps)
    return AllocateLead(
        lead_id="L1",
        unit_id="team-1",
        round=1,
        score=60.0,
        reps=situations,
        rules=ALLOCATION_RULES,
        unit=OPEN,
        day=ALLOCATED_AT.date(),
        now=ALLOCATED_AT,
        has_hot_word=True,
        served_customer=served,
    )


def allocated(command: AllocateLead, book: AllocationBook | None = None) -> LeadAllocated:
    before = book or ALLOCATION_BOOK.initial
    [event] = ALLOCATION_BOOK.decide(command, before)
    assert isinstance(event, LeadAllocated)
    assert replayed_rep(before, event) == event.rep_id
    return event


class TestAllocating:
    def test_it_goes_to_who_answered_quickest_of_late(self) -> None:
        event = allocated(allocate(("A", 300.0), ("B", 120.0), ("C", None)))
        assert (event.rep_id, event.why, event.track) == ("B", Why.QUICKEST, "hot_word")
        assert event.response_seconds == {"A": 300.0, "B": 120.0}

    def test_who_never_answered_comes_last(self) -> None:
        assert allocated(allocate(("A", None), ("B", 90_000.0))).rep_id == "B"

    def test_among_equals_it_goes_to_who_has_served_the_customer(self) -> None:
        event = allocated(allocate(("A", 60.0), ("B", 60.0), served=frozenset({"B", "Z"})))
        assert (event.rep_id, event.why) == ("B", Why.QUICKEST_SERVED)
        assert event.served_customer == ["B"]

    def test_otherwise_to_the_least_recently_served(self) -> None:
        first = allocated(allocate(("A", 60.0), ("B", 60.0)))
        assert (first.rep_id, first.why) == ("A", Why.QUICKEST_OF_SEVERAL)
        book = ALLOCATION_BOOK.fold([first])
        second = allocated(replace(allocate(("A", 60.0), ("B", 60.0)), lead_id="L2"), book)
        assert second.rep_id == "B"

    def test_a_hot_lead_moves_no_other_track_on(self) -> None:
        first = allocated(allocate(("A", 60.0), ("B", 90.0)))
        book = ALLOCATION_BOOK.fold([first])
        assert (book.number, book.standard.served, book.high_value.served) == (1, {}, {})
