"""How the linked page looks: no script, nothing from elsewhere."""

TEMPLATE = """<!doctype html>
<html lang="{{ language }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{ title }}</title>
<style>
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }
button { font: inherit; padding: .6rem 1.2rem; margin: 0 .5rem .5rem 0; border-radius: .4rem }
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
{% for line in lines %}<p>{{ line }}</p>
{% endfor %}
{% if done %}<p role="status"><strong>{{ done }}</strong></p>
{% elif waits %}<form method="post">
<button name="action" value="acknowledge">{{ words.acknowledge }}</button>
<button name="action" value="snooze">{{ words.snooze }}</button>
<button name="action" value="resolve">{{ words.resolve }}</button>
</form>
{% endif %}
</main>
</body>
</html>
"""

WORDS = {
    "zh": {
        "acknowledge": "确认收到",
        "snooze": "4 小时后提醒",
        "resolve": "标记为已解决",
        "acknowledge_done": "已确认。",
        "snooze_done": "4 小时后再提醒。",
        "resolve_done": "已标记为解决。",
        "expired": "链接已过期",
        "used": "链接已使用",
        "sign_in": "请先登录",
        "not_found": "链接无效",
    },
    "en": {
        "acknowledge": "Acknowledge",
        "snooze": "Remind me in 4 hours",
        "resolve": "Mark as resolved",
        "acknowledge_done": "Acknowledged.",
        "snooze_done": "You will be reminded in 4 hours.",
        "resolve_done": "Marked as resolved.",
        "expired": "This link has expired",
        "used": "This link was used before",
        "sign_in": "Sign in first",
        "not_found": "This link leads nowhere",
    },
}
