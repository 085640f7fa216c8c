"""A tenant's own words in place of ours, rule by rule and language by language (N6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from services.notifications.domain.default_words import Words
from services.notifications.domain.words import word_problems
from shared.decider import Decider
from shared.errors import Malformed, NotFound
from shared.events.notifications import WordsRemoved, WordsSet

WordingEvent = WordsSet | WordsRemoved


@dataclass(frozen=True, slots=True, kw_only=True)
class SetWords:
    rule: str
    language: str
    words: Words
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveWords:
    """Back to our own."""

    rule: str
    language: str
    now: datetime


WordingCommand = SetWords | RemoveWords


@dataclass(frozen=True, slots=True)
class Wording:
    """The tenant's own words, by rule and then by language."""

    own: Mapping[str, Mapping[str, Words]] = field(default_factory=dict)

    def by_rule_and_language(self) -> dict[tuple[str, str], Words]:
        return {
            (rule, language): words
            for rule, by_language in self.own.items()
            for language, words in by_language.items()
        }


def set_words(command: SetWords, wording: Wording) -> Sequence[WordingEvent]:
    """Raises Malformed where the words name something that no signal has."""
    problems = tuple(word_problems(command.rule, command.language, command.words))
    if problems:
        raise Malformed("the words cannot be used", errors=problems)
    if wording.own.get(command.rule, {}).get(command.language) == command.words:
        return []
    return [
        WordsSet(
            rule=command.rule,
            language=command.language,
            title=command.words.title,
            line=command.words.line,
        )
    ]


def remove(command: RemoveWords, wording: Wording) -> Sequence[WordingEvent]:
    if command.language not in wording.own.get(command.rule, {}):
        raise NotFound(f"{command.rule} in {command.language}")
    return [WordsRemoved(rule=command.rule, language=command.language)]


def decide(command: WordingCommand, wording: Wording) -> Sequence[WordingEvent]:
    match command:
        case SetWords():
            return set_words(command, wording)
        case RemoveWords():
            return remove(command, wording)
        case _:
            assert_never(command)


def evolve(wording: Wording, event: WordingEvent) -> Wording:
    of_rule = dict(wording.own.get(event.rule, {}))
    match event:
        case WordsSet():
            of_rule[event.language] = Words(title=event.title, line=event.line)
        case WordsRemoved():
            of_rule.pop(event.language, None)
        case _:
            assert_never(event)
    return Wording({**wording.own, event.rule: of_rule})


WORDING: Decider[WordingCommand, Wording, WordingEvent] = Decider(
    "wording", decide, evolve, Wording()
)
"""One stream per tenant."""
