"""How the linked page looks: no script, nothing from elsewhere; its words are the board's."""

from typing import Any

from fastapi import Response
from jinja2 import Environment

_TEMPLATE = """<!doctype html>
<html lang="{{ language }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark }
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem; overflow-wrap: anywhere }
p { overflow-wrap: anywhere }
button, select, input, .button { font: inherit; min-height: 2.75rem; box-sizing: border-box;
 padding: .5rem 1.2rem; margin: 0 .5rem .5rem 0; border: 1px solid; border-radius: .4rem }
select, input { display: block; width: 100%; padding: .5rem }
.button { display: inline-block }
summary { min-height: 2.75rem; line-height: 2.75rem; cursor: pointer }
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
{% for line in lines %}<p>{{ line }}</p>
{% endfor %}
{% if sign_in %}<p><a class="button" href="{{ sign_in }}">{{ sign_in_words }}</a></p>
{% endif %}
{% if done %}<p role="status"><strong>{{ done }}</strong></p>
{% elif may_act %}{% if may_acknowledge %}<form method="post">
<button name="action" value="acknowledge">{{ words.acknowledge }}</button></form>{% endif %}
<form method="post"><input type="hidden" name="action" value="snooze">
<button name="until" value="hour">{{ words.hour }}</button>
<button name="until" value="tomorrow">{{ words.tomorrow }}</button>{{ fault("until") }}</form>
<details{% if "to_person_id" in problems %} open{% endif %}><summary>{{ words.hand_over }}</summary>
<form method="post"><input type="hidden" name="action" value="hand-over">
<label>{{ words.to_whom }}<select name="to_person_id" required{{ faulty("to_person_id") }}>
<option value="">{{ words.choose }}</option>
{% for id, name in colleagues %}<option value="{{ id }}"
{%- if id == typed.to_person_id %} selected{% endif %}>{{ name }}</option>
{% endfor %}</select></label>{{ fault("to_person_id") }}
<button>{{ words.hand_over }}</button></form></details>
<details{% if "reason" in problems %} open{% endif %}><summary>{{ words.resolve }}</summary>
<form method="post"><input type="hidden" name="action" value="resolve">
<label>{{ words.how }}<input name="reason" maxlength="64" value="{{ typed.reason }}"
{{- faulty("reason") }}></label>{{ fault("reason") }}
<button>{{ words.resolve }}</button></form></details>
{% endif %}
</main>
</body>
</html>
"""
_FAULTS = """
{%- macro faulty(field) %}{% if field in problems %} aria-invalid="true"
 aria-describedby="fault-{{ field }}"{% endif %}{% endmacro %}
{%- macro fault(field) %}{% if field in problems %}<p id="fault-{{ field }}" role="alert">
{{- words[problems[field]] }}</p>{% endif %}{% endmacro %}"""
_PAGE = Environment(autoescape=True).from_string(_FAULTS + _TEMPLATE)
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
}

SAID_ON_THE_BOARD = {
    "zh": {
        "acknowledge": "知道了",
        "hour": "1 小时后",
        "tomorrow": "明天 9:00",
        "hand_over": "转交",
        "to_whom": "转交给",
        "choose": "请选择",
        "resolve": "已解决",
        "how": "如何解决的，简单几个字",
        "required": "必填。",
        "not-among": "不在可选范围内。",
        "too-long": "内容太长。",
        "sign_in": "登录",
    },
    "en": {
        "acknowledge": "Got it",
        "hour": "In an hour",
        "tomorrow": "Tomorrow 9:00",
        "hand_over": "Hand over",
        "to_whom": "To whom",
        "choose": "choose",
        "resolve": "Resolved",
        "how": "How it was resolved, in a few words",
        "required": "This is needed.",
        "not-among": "This is none of what can be chosen.",
        "too-long": "This is too long.",
        "sign_in": "Sign in",
    },
}
"""The same terms for the same things: each English one is a message of the board's catalogue."""

WORDS = {
    "zh": {
        **SAID_ON_THE_BOARD["zh"],
        "acknowledged": "已确认。",
        "snoozed": "将于 {at} 再次提醒。",
        "handed_over": "已转交给{person}。",
        "resolved": "已标记为解决。",
        "expired": "链接已过期",
        "used": "链接已使用",
        "sign_in_first": "请先登录",
        "ask_for_link": "请向管理员索取登录链接（“人员”页面），登录后再打开此链接。",
        "not_found": "链接无效",
    },
    "en": {
        **SAID_ON_THE_BOARD["en"],
        "acknowledged": "Acknowledged.",
        "snoozed": "You will be reminded again at {at}.",
        "handed_over": "Handed over to {person}.",
        "resolved": "Marked as resolved.",
        "expired": "This link has expired",
        "used": "This link was used before",
        "sign_in_first": "Sign in first",
        "ask_for_link": "Ask your administrator for a sign-in link (page People); signed in by it,"
        " open this link again.",
        "not_found": "This link leads nowhere",
    },
}


def page_of(
    language: str, title: str, lines: list[str], status: int = 200, **more: Any
) -> Response:
    html = _PAGE.render(
        {"problems": {}, "may_act": False, "done": None, "sign_in": None, **more},
        language=language,
        words=WORDS[language],
        title=title,
        lines=lines,
    )
    return Response(html, status, _HEADERS, media_type="text/html")


def in_both(said: str) -> str:
    """In both languages: who it is for is not known."""
    return f"{WORDS['zh'][said]} · {WORDS['en'][said]}"
