"""`pulsetrail schema asyncapi`: what is published on Kafka and posted to webhooks (AsyncAPI 3)."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from shared.event_type import EventType, all_event_types

_FORMAT = "application/schema+json;version=draft-2020-12"
_TEXT = {"type": "string"}
_MOMENT = {"type": "string", "format": "date-time"}
_MAYBE_TEXT = {"type": ["string", "null"]}
_MAYBE_MOMENT = {"type": ["string", "null"], "format": "date-time"}

_CLOUD_EVENT_HEADERS = {
    "type": "object",
    "description": "CloudEvents 1.0 in binary mode; ce_envelope is MessagePack, for our own parts.",
    "required": ["ce_specversion", "ce_id", "ce_source", "ce_type"],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "format": "uuid"},
        "ce_source": _TEXT,
        "ce_type": _TEXT,
        "traceparent": _TEXT,
    },
}
_WEBHOOK_HEADERS = {
    "type": "object",
    "description": "Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`.",
    "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
    "properties": {
        "webhook-id": {"type": "string", "format": "uuid", "description": "The event's id."},
        "webhook-timestamp": {"type": "string", "pattern": "^[0-9]+$"},
        "webhook-signature": {"type": "string", "pattern": "^v1,"},
    },
}
_ENVELOPE = {
    "position": {
        "type": "object",
        "properties": {
            "log": _TEXT,
            "partition": {"type": "integer"},
            "offset": {"type": "integer"},
        },
    },
    "stream": _TEXT,
    "version": {"type": "integer", "minimum": 1},
    "event_id": {"type": "string", "format": "uuid"},
    "type": _TEXT,
    "occurred_at": _MOMENT,
    "recorded_at": _MOMENT,
    "tenant_id": _TEXT,
    "actor_id": _MAYBE_TEXT,
    "origin": {"enum": ["live", "import", "demo"]},
    "raw_occurred_at": _MAYBE_MOMENT,
    "sent_at": _MAYBE_MOMENT,
    "entered_at": _MAYBE_MOMENT,
    "correlation_id": _TEXT,
    "causation_id": _MAYBE_TEXT,
    "hash": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
}


def asyncapi_document() -> dict[str, Any]:
    """A channel a log on Kafka, and one for webhooks; a message a stored event type."""
    declared = all_event_types()
    published, definitions = msgspec.json.schema_components(
        [each.event_class for each in declared],
        ref_template="#/components/schemas/{name}/schema",
    )
    schemas = dict(zip((each.name for each in declared), published, strict=True))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Pulsetrail events",
            "version": version("pulsetrail"),
            "description": "Every event as it is published on Kafka, personal fields sealed, and "
            "as it is posted to webhooks, personal fields left out unless they were granted.",
        },
        "defaultContentType": "application/json",
        "channels": _channels(declared),
        "operations": _operations(declared),
        "components": {
            "messages": _messages(declared, schemas),
            "schemas": {name: _formatted(schema) for name, schema in definitions.items()},
        },
    }


def _channels(declared: Sequence[EventType]) -> dict[str, Any]:
    channels: dict[str, Any] = {
        log: {
            "address": f"pulsetrail.{log}",
            "description": "In order per stream, which is the key.",
            "messages": {
                each.name: _reference("messages", each.name)
                for each in declared
                if each.service == log
            },
        }
        for log in _services(declared)
    }
    channels["webhooks"] = {
        "address": None,
        "description": "POST to the address that was subscribed; at least once, in no order.",
        "messages": {
            f"{each.name}.posted": _reference("messages", f"{each.name}.posted")
            for each in declared
        },
    }
    return channels


def _operations(declared: Sequence[EventType]) -> dict[str, Any]:
    return {
        f"publish-{name}": {"action": "send", "channel": {"$ref": f"#/channels/{name}"}}
        for name in (*_services(declared), "webhooks")
    }


def _messages(
    declared: Sequence[EventType], schemas: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    messages: dict[str, Any] = {}
    for each in declared:
        messages[each.name] = {
            "name": each.name,
            "headers": _formatted(_CLOUD_EVENT_HEADERS),
            "payload": _formatted(schemas[each.name]),
        }
        messages[f"{each.name}.posted"] = {
            "name": each.name,
            "headers": _formatted(_WEBHOOK_HEADERS),
            "payload": _formatted(_posted(each)),
        }
    return messages


def _posted(declared: EventType) -> dict[str, Any]:
    """`data.data` holds the event's fields, of which the personal ones may be missing."""
    return {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": declared.name},
            "timestamp": _MOMENT,
            "data": {
                "type": "object",
                "required": [*_ENVELOPE, "data"],
                "properties": {
                    **_ENVELOPE,
                    "data": {
                        "type": "object",
                        "required": [
                            name for name in declared.rules if name not in declared.personal_fields
                        ],
                    },
                },
            },
        },
    }


def _services(declared: Sequence[EventType]) -> list[str]:
    return sorted({each.service for each in declared})


def _formatted(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"schemaFormat": _FORMAT, "schema": dict(schema)}


def _reference(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
