"""`pulsetrail schema`: the shapes of events, configuration and HTTP, as documents."""

import tempfile
from pathlib import Path
from typing import Any

import msgspec
from pydantic_settings import BaseSettings

from services.notifications import settings as notifications_settings
from shared.clock import VirtualClock, wall_clock
from shared.event_type import all_event_types
from shared.settings import InstallationSettings, OidcSettings
from shared.tenant_settings import TENANT_SETTINGS

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def event_schemas() -> dict[str, Any]:
    """A JSON Schema with one definition per stored event type, by its stored name."""
    declared = all_event_types()
    classes = [each.event_class for each in declared]
    schemas, definitions = msgspec.json.schema_components(classes, ref_template="#/$defs/{name}")
    named = {each.name: schema for each, schema in zip(declared, schemas, strict=True)}
    return {
        "$schema": _DIALECT,
        "title": "Pulsetrail events",
        "$defs": definitions,
        "events": named,
    }


def config_schema() -> dict[str, Any]:
    """The installation's environment variables and what a tenant may set."""
    variables: dict[str, Any] = {}
    for settings in _settings_classes():
        prefix = settings.model_config.get("env_prefix", "")
        properties = settings.model_json_schema(mode="serialization").get("properties", {})
        for name, schema in properties.items():
            variables[f"{prefix}{name}".upper()] = schema
    tenant = {
        setting.name: {
            "type": setting.kind,
            "default": setting.default,
            "unit": setting.unit,
            "rule": setting.rule,
            "description": setting.meaning,
        }
        for setting in TENANT_SETTINGS.values()
    }
    return {
        "$schema": _DIALECT,
        "title": "Pulsetrail configuration",
        "environment": variables,
        "tenant_settings": tenant,
    }


def _settings_classes() -> list[type[BaseSettings]]:
    found: list[type[BaseSettings]] = [InstallationSettings, OidcSettings]
    for value in vars(notifications_settings).values():
        if (
            isinstance(value, type)
            and issubclass(value, BaseSettings)
            and value is not BaseSettings
        ):
            found.append(value)
    return found


async def openapi_schema() -> dict[str, Any]:
    """What `/api/v1/openapi.json` answers, made without anybody's data."""
    from services.embedded import open_embedded
    from shared.hosting import application

    with tempfile.TemporaryDirectory(prefix="pulsetrail-schema-") as folder:
        clock = VirtualClock(wall_clock())
        async with open_embedded(Path(folder), clock=clock) as hosting:
            return application(hosting).openapi()
