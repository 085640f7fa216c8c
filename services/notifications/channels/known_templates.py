"""How Slack and Teams want their messages: cards with a button (N1)."""

from services.notifications.channels.template import Template

SLACK = Template.model_validate(
    {
        "escape": "html",
        "body": {
            "text": "{title}",
            "blocks": [
                {"type": "section", "text": {"type": "mrkdwn", "text": "*{title}*\n{body}"}},
                {
                    "type": "context",
                    "elements": [{"type": "mrkdwn", "text": "<@{recipient!}>"}],
                },
                {
                    "type": "actions",
                    "elements": [
                        {
                            "type": "button",
                            "style": "primary",
                            "text": {"type": "plain_text", "text": "{link_words}"},
                            "url": "{link!}",
                        }
                    ],
                },
            ],
        },
        "taken": {"statuses": [200]},
    }
)
"""An incoming webhook; `<@…>` mentions a member by their id."""

TEAMS = Template.model_validate(
    {
        "escape": "markdown",
        "body": {
            "type": "message",
            "attachments": [
                {
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "content": {
                        "type": "AdaptiveCard",
                        "version": "1.4",
                        "body": [
                            {
                                "type": "TextBlock",
                                "text": "{title}",
                                "weight": "Bolder",
                                "wrap": True,
                            },
                            {"type": "TextBlock", "text": "{body}", "wrap": True},
                            {
                                "type": "ActionSet",
                                "actions": [
                                    {
                                        "type": "Action.OpenUrl",
                                        "title": "{link_words}",
                                        "url": "{link!}",
                                    }
                                ],
                            },
                        ],
                    },
                }
            ],
        },
        "taken": {"statuses": [200, 202]},
    }
)
"""A workflow "when a webhook request is received" that posts a card into a channel."""
