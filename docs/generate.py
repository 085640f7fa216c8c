"""Writes the documents that are made from the code: `python -m docs.generate [--check]`."""

import dataclasses
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from types import EllipsisType, ModuleType, NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

import services
import shared.events  # noqa: F401  # declares every event type
from shared.access import PERMISSIONS, Resource, Role
from shared.event_type import EventType, FieldRule, all_event_types
from shared.setting_kinds import TenantSetting
from shared.telemetry import DESCRIBED, Described
from shared.tenant_settings import TENANT_SETTINGS

FOLDER = Path(__file__).parent
MADE_BY = "<!-- Made by `make docs`; a test compares. Change the code, not this page. -->"


def type_name(hint: Any) -> str:
    """A type as the documents and the event shapes write it, without the module it comes from."""
    if hint is NoneType or hint is None:
        return "None"
    if hint is Ellipsis or isinstance(hint, EllipsisType):
        return "..."
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return type_name(arguments[0])
    if origin in (Union, UnionType):
        return " | ".join(type_name(each) for each in arguments)
    if origin is not None:
        names = [repr(each) if isinstance(each, str) else type_name(each) for each in arguments]
        return f"{origin.__name__ if isinstance(origin, type) else str(origin)}[{', '.join(names)}]"
    return str(hint.__name__)


def values_inside(hint: Any) -> Iterator[type[Any]]:
    """The dataclasses that a type mentions, each before those inside it."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        yield hint
        for inner in get_type_hints(hint, include_extras=True).values():
            yield from values_inside(inner)
    for argument in get_args(hint):
        yield from values_inside(argument)


def default_of(field: dataclasses.Field[Any]) -> str | None:
    """The default as written in the documents; None where the field must be given."""
    if field.default is not dataclasses.MISSING:
        return repr(field.default)
    if field.default_factory is not dataclasses.MISSING:
        return repr(field.default_factory())
    return None


def sentence_of(described: type[Any]) -> str:
    """The docstring as one paragraph; nothing where the dataclass wrote its own signature there."""
    text = described.__doc__ or ""
    if text.startswith(f"{described.__name__}("):
        return ""
    return " ".join(text.split())


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    columns = list(heads)
    lines = [f"| {' | '.join(columns)} |", f"|{'|'.join(' --- ' for _ in columns)}|"]
    for row in rows:
        cells = [cell.replace("|", "\\|").replace("\n", " ") for cell in row]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def code(text: str | None) -> str:
    return f"`{text}`" if text else ""


# ------------------------------------------------------------------------------------- events.md


def whose(rule: FieldRule) -> str:
    if rule.kind != "personal":
        return rule.kind
    kind = f"{rule.subject_kind}/" if rule.subject_kind else ""
    return f"personal: `{kind}<{rule.subject_field}>`"


def event_section(declared: EventType) -> list[str]:
    hints = get_type_hints(declared.event_class, include_extras=True)
    rows = [
        (
            code(field.name),
            code(type_name(hints[field.name])),
            whose(declared.rules[field.name]),
            code(default_of(field)),
        )
        for field in dataclasses.fields(declared.event_class)
    ]
    sentence = sentence_of(declared.event_class)
    return [
        f"### `{declared.name}`",
        "",
        *([sentence, ""] if sentence else []),
        *table(("field", "type", "data", "default"), rows),
        "",
    ]


def value_section(value: type[Any]) -> list[str]:
    hints = get_type_hints(value, include_extras=True)
    rows = [
        (code(field.name), code(type_name(hints[field.name])), code(default_of(field)))
        for field in dataclasses.fields(value)
    ]
    sentence = sentence_of(value)
    return [
        f"### `{value.__name__}`",
        "",
        *([sentence, ""] if sentence else []),
        *table(("field", "type", "default"), rows),
        "",
    ]


def event_catalogue() -> str:
    declared = all_event_types()
    values: dict[str, type[Any]] = {}
    for each in declared:
        for hint in get_type_hints(each.event_class, include_extras=True).values():
            for value in values_inside(hint):
                values[value.__name__] = value
    lines = [
        "# Events",
        "",
        MADE_BY,
        "",
        "Every fact that Pulsetrail stores, by the service that writes it. The name is what is",
        "stored; it carries the version and never changes. *plain* fields hold no personal data;",
        "*personal* ones are sealed under the key of the subject named (U5); a *blob* is the",
        "SHA-256 of an object with a key of its own. A field with a default may be absent in",
        "events written before it existed.",
        "",
    ]
    for service in sorted({each.service for each in declared}):
        lines += [f"## {service}", ""]
        for each in declared:
            if each.service == service:
                lines += event_section(each)
    lines += ["## Values inside events", ""]
    for name in sorted(values):
        lines += value_section(values[name])
    return "\n".join(lines).rstrip() + "\n"


# ------------------------------------------------------------------------------ configuration.md


def settings_modules() -> Iterator[ModuleType]:
    if importlib.util.find_spec("shared.settings"):
        yield importlib.import_module("shared.settings")
    for service in sorted(pkgutil.iter_modules(services.__path__), key=lambda found: found.name):
        name = f"services.{service.name}.settings"
        if service.ispkg and importlib.util.find_spec(name):
            yield importlib.import_module(name)


def settings_classes() -> Iterator[type[BaseSettings]]:
    for module in settings_modules():
        for value in vars(module).values():
            is_settings = isinstance(value, type) and issubclass(value, BaseSettings)
            if is_settings and value.__module__ == module.__name__:
                yield value


def variable_names(settings: type[BaseSettings], name: str, field: FieldInfo) -> list[str]:
    if isinstance(field.validation_alias, AliasChoices):
        return [str(choice) for choice in field.validation_alias.choices]
    if isinstance(field.validation_alias, str):
        return [field.validation_alias]
    return [(settings.model_config.get("env_prefix", "") + name).upper()]


def shown_default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be set"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, Enum):
        value = value.value
    if value in (None, ()) or isinstance(value, SecretStr):
        return ""
    return code(str(value))


UNITS = ("bytes", "days", "hours", "lines", "minutes", "seconds", "a_minute")


def unit_of(name: str) -> str:
    """Durations and sizes are named with their unit."""
    return next((unit.replace("_", " ") for unit in UNITS if name.endswith(f"_{unit}")), "")


def environment_rows() -> Iterator[tuple[str, ...]]:
    for settings in settings_classes():
        reader = settings.__module__.removesuffix(".settings").removeprefix("services.")
        for name, field in settings.model_fields.items():
            yield (
                " or ".join(code(each) for each in variable_names(settings, name, field)),
                code(type_name(field.annotation)),
                shown_default(field),
                unit_of(name),
                "all" if reader == "shared" else reader,
                field.description or "",
            )


def tenant_setting_row(setting: TenantSetting) -> tuple[str, ...]:
    return (
        code(setting.name),
        setting.kind,
        code(str(setting.default)),
        setting.unit or "",
        setting.rule,
        setting.meaning,
    )


def configuration() -> str:
    rows = sorted(environment_rows())
    lines = [
        "# Configuration",
        "",
        MADE_BY,
        "",
        "## Of the installation",
        "",
        "Environment variables. A wrong value stops the start with one line that names it. Secrets",
        "can be given by file as well: `…_FILE` names the file that holds the value.",
        "",
        *table(("variable", "type", "default", "unit", "read by", "meaning"), rows),
        "",
        "## Of a tenant",
        "",
        "Versioned, changed by a command, each change an event (`directory.settings_changed.v1`).",
        "A change takes effect at its recording or later and retracts nothing.",
        "",
        *table(
            ("setting", "kind", "default", "unit", "rule", "meaning"),
            (tenant_setting_row(TENANT_SETTINGS[name]) for name in sorted(TENANT_SETTINGS)),
        ),
    ]
    return "\n".join(lines) + "\n"


# -------------------------------------------------------------------------------------- roles.md


def permission_mark(role: Role, resource: Resource) -> str:
    permissions = PERMISSIONS[role]
    letters = ("r" if resource in permissions.read else "") + (
        "w" if resource in permissions.write else ""
    )
    return code(letters)


def role_table() -> str:
    rows = [
        (code(resource), *(permission_mark(role, resource) for role in Role))
        for resource in Resource
        if any(permission_mark(role, resource) for role in Role)
    ]
    lines = [
        "# Roles",
        "",
        MADE_BY,
        "",
        "What a grant (a role on a unit) may read `r` and write `w` (A9). Which rows it sees is a",
        "matter of the unit and of who owns them: reps and clerks their own; managers, directors,",
        "sales BPs and store supervisors those whose unit is now in their subtree; service,",
        "delivery, legal and finance what is addressed to them; an auditor all of the tenant.",
        "",
        *table(("resource", *(role.replace("_", " ") for role in Role)), rows),
    ]
    return "\n".join(lines) + "\n"


# ------------------------------------------------------------------------------------ metrics.md


def metric_row(described: Described) -> tuple[str, ...]:
    labels = ", ".join(code(label) for label in described.labels)
    return (code(described.name), described.kind, labels, described.unit, described.meaning)


def metrics() -> str:
    lines = [
        "# Metrics",
        "",
        MADE_BY,
        "",
        "What `/metrics` shows in Prometheus' text format: of the embedded system at its address,",
        "of each process of the scaled one at its port, the api's at one of its own. It asks for",
        "the token `PULSETRAIL_METRICS_TOKEN`, without one for a caller on the same machine.",
        "Labels hold ids and names of ours, never personal data.",
        "",
        "Of a histogram there are `_bucket`, `_sum` and `_count`.",
        "",
        *table(
            ("name", "kind", "labels", "unit", "meaning"),
            (metric_row(DESCRIBED[name]) for name in sorted(DESCRIBED)),
        ),
    ]
    return "\n".join(lines) + "\n"


DOCUMENTS: Mapping[str, Callable[[], str]] = {
    "events.md": event_catalogue,
    "configuration.md": configuration,
    "roles.md": role_table,
    "metrics.md": metrics,
}


def main(arguments: list[str]) -> int:
    """0, or 1 where `--check` found a document that is not what the code says."""
    differing = []
    for name, made in DOCUMENTS.items():
        path, text = FOLDER / name, made()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        differing.append(name)
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
            print(f"wrote docs/{name}")
    if "--check" in arguments and differing:
        print(f"out of date, run `make docs`: {', '.join(differing)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
