"""The catalogue of settings: defaults that fit, refusals that name the setting."""

import pytest

from shared.events.directory import SettingValue
from shared.tenant_settings import TENANT_SETTINGS, default_of, setting_problems


def test_every_default_fits() -> None:
    defaults = {name: setting.default for name, setting in TENANT_SETTINGS.items()}
    assert setting_problems(defaults) == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("zone", "Asia/Nowhere"),
        ("zone", None),
        ("business_hours", "18:00-09:00"),
        ("business_hours", "9-18"),
        ("light_green", 1.01),
        ("light_green", "0.9"),
        ("light_green", True),
        ("no_response_after", 0),
        ("no_response_after", 2.5),
        ("index_uses", "luck"),
        ("approval_in_business_time", 1),
        ("instruction_before", "25:00"),
    ],
)
def test_a_value_that_does_not_fit_is_named(name: str, value: SettingValue) -> None:
    problems = setting_problems({name: value})
    assert [(problem.field, problem.code) for problem in problems] == [
        (f"settings.{name}", "out-of-range")
    ]


def test_an_unknown_setting_is_named() -> None:
    assert [problem.code for problem in setting_problems({"colour": "red"})] == ["unknown"]
    with pytest.raises(KeyError):
        default_of("colour")
