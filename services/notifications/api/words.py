"""A tenant's own words over HTTP, with a preview (N6)."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import StringConstraints

from services.notifications.api.desk import Desk
from services.notifications.domain.default_words import DEFAULT_WORDS, Words
from services.notifications.domain.wording import WORDING, RemoveWords, SetWords, Wording
from services.notifications.domain.words import LANGUAGES, preview, word_problems, words_for
from services.notifications.queries.tenant_choices import ONE_PER_TENANT
from shared.access import Caller, Resource, Verb
from shared.errors import Malformed
from shared.http import BASE, Body, Name, command_response, json_response

Text = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class RuleBody(Body):
    rule: Name
    language: Name


class WordsBody(RuleBody):
    title: Text
    line: Text

    def words(self) -> Words:
        return Words(title=self.title, line=self.line)


def router(desk: Desk) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["words"])
    reading = desk.access.may(Resource.POLICIES, Verb.READ)
    writing = desk.access.may(Resource.POLICIES, Verb.WRITE)

    @routes.get("/words")
    async def list_words(caller: Caller = Depends(reading)) -> Response:
        """What is said of every rule in both languages, each with a preview."""
        own = await desk.choices.own_words(caller.tenant_id)
        rules = sorted({rule for rule, _language in (*DEFAULT_WORDS, *own)})
        rows = [
            {
                "rule": rule,
                "language": language,
                "own": (rule, language) in own,
                **_said(words_for(rule, language, own), language),
            }
            for rule in rules
            for language in LANGUAGES
        ]
        return json_response({"rows": rows})

    @routes.post("/words")
    async def set_words(
        request: Request, body: WordsBody, caller: Caller = Depends(writing)
    ) -> Response:
        command = SetWords(
            rule=body.rule, language=body.language, words=body.words(), now=desk.ports.clock()
        )
        return await _answered(desk, request, caller, command)

    @routes.post("/words/remove")
    async def remove_words(
        request: Request, body: RuleBody, caller: Caller = Depends(writing)
    ) -> Response:
        command = RemoveWords(rule=body.rule, language=body.language, now=desk.ports.clock())
        return await _answered(desk, request, caller, command)

    @routes.post("/words/preview")
    async def preview_words(body: WordsBody, _caller: Caller = Depends(reading)) -> Response:
        """How words would read, without keeping them."""
        problems = tuple(word_problems(body.rule, body.language, body.words()))
        if problems:
            raise Malformed("the words cannot be used", errors=problems)
        return json_response(_said(body.words(), body.language))

    return routes


def _said(words: Words, language: str) -> dict[str, Any]:
    shown = preview(words, language)
    return {
        "title": words.title,
        "line": words.line,
        "preview": {"title": shown.title, "line": shown.line},
    }


async def _answered(
    desk: Desk, request: Request, caller: Caller, command: SetWords | RemoveWords
) -> Response:
    context = await desk.context(request, caller)
    handled = await desk.handle(WORDING, ONE_PER_TENANT, command, context, _document)
    return await command_response(desk.ports, handled)


def _document(wording: Wording) -> Mapping[str, Any]:
    own = wording.by_rule_and_language()
    return {"own": [{"rule": rule, "language": language} for rule, language in sorted(own)]}
