"""What was refused, said to people: by its code, in their language."""

from collections.abc import Mapping

from services.projections.pages.catalogue import catalogue, message

_REFUSALS: Mapping[str, str] = {
    "unauthenticated": message("You are not signed in."),
    "forbidden": message("Your role does not open this page, or this form was not ours."),
    "not-found": message("There is nothing here, or it is not yours to see."),
    "malformed": message("The address or the form names something that cannot be."),
    "too-large": message("This is larger than we take."),
    "too-many-requests": message("That were too many requests; try again in a minute."),
    "store-away": message("Our storage cannot be reached; nothing was lost, try again soon."),
    "not-reached-yet": message("It is stored; the boards will show it in a moment."),
    "busy": message("Others were changing the same thing; try again."),
    "version-conflict": message("Somebody was faster; look at it again."),
    "escalation-is-resolved": message("This escalation is resolved already."),
    "out-of-date": message("Something later is stored already; look at it again."),
    "idempotency-key-reused": message("This was sent before with another content."),
    "not-yet-known": message("We have not heard of this person or unit yet."),
}
_FIELDS: Mapping[str, str] = {
    "missing": message("This is needed."),
    "required": message("This is needed."),
    "unknown": message("There is nothing of this name."),
    "in-the-future": message("This has not happened yet."),
    "in-the-past": message("This is over already."),
    "has-left": message("This person is no longer with the organisation."),
    "not-yet-known": message("We have not heard of this person or unit yet."),
    "too-short": message("This is too short."),
    "string-too-long": message("This is too long."),
    "media-type": message("Files of this kind are not taken."),
}
_OTHERWISE = message("This was not accepted. Nothing was written.")
_FIELD_OTHERWISE = message("This does not fit.")


def refusal_in_words(code: str, language: str) -> str:
    return catalogue(language).gettext(_REFUSALS.get(code, _OTHERWISE))


def field_in_words(code: str, language: str) -> str:
    return catalogue(language).gettext(_FIELDS.get(code, _FIELD_OTHERWISE))
