"""What is logged: findable, machine-readable, and nobody's data."""

import json

import pytest
import structlog

from shared.logs import configure_logs


@pytest.fixture(autouse=True)
def _as_it_was() -> object:
    yield
    structlog.reset_defaults()


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_an_object_with_the_correlation_id(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("warning")
    with structlog.contextvars.bound_contextvars(correlation_id="C-1"):
        structlog.get_logger().warning("subscription_retries", subscription="projections.x")
    [line] = logged(capsys)
    assert line["event"] == "subscription_retries"
    assert line["correlation_id"] == "C-1"
    assert line["level"] == "warning"


def test_a_failure_is_logged_without_its_message_and_variables(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("error")

    def failing(summary: str) -> None:
        raise ValueError(f"cannot store {summary}")

    try:
        failing("Mrs Li has debts")
    except ValueError as failure:
        structlog.get_logger().error("unexpected_failure", exc_info=failure)
    [line] = logged(capsys)
    assert line["failure"] == "ValueError"
    assert "failing" in str(line["through"])
    assert "Li" not in json.dumps(line)


def test_what_is_less_severe_than_the_level_is_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("error")
    structlog.get_logger().warning("subscription_retries")
    assert logged(capsys) == []
