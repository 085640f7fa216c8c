"""`make check-manifests`, with tools that answer as the real ones do."""

from pathlib import Path

import pytest

from stack import check_manifests


def tool(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only ones on this machine."""
    monkeypatch.setenv("PATH", f"{tmp_path}")
    tool(tmp_path, "kubectl", "echo 'kind: Pod'")
    tool(tmp_path, "kubeconform", "/bin/cat >/dev/null")
    tool(tmp_path, "promtool", "/bin/cat >/dev/null")
    return tmp_path


def test_what_is_in_order_is_said_so(tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_manifests.main() == 0
    said = "overlay dev: in order\noverlay production: in order\nmetrics: in order\n"
    assert capsys.readouterr().out == said


def test_what_a_tool_finds_is_shown_and_fails(
    tools: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tool(tools, "promtool", "/bin/cat >/dev/null; echo 'no help text'; exit 3")
    tool(tools, "kubeconform", "/bin/cat >/dev/null; echo 'replica: not allowed'; exit 1")
    assert check_manifests.main() == 1
    assert capsys.readouterr().out.splitlines() == [
        "overlay dev: replica: not allowed",
        "overlay production: replica: not allowed",
        "metrics: no help text",
    ]


def test_what_cannot_be_rendered_is_shown(tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tool(tools, "kubectl", "echo 'no such file' >&2; exit 1")
    assert check_manifests.main() == 1
    assert "overlay dev: no such file" in capsys.readouterr().out


@pytest.mark.parametrize("missing", ["kubectl", "kubeconform", "promtool"])
def test_a_tool_that_is_missing_is_named_in_one_line_and_the_rest_is_checked(
    tools: Path, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    (tools / missing).unlink()
    assert check_manifests.main() == 4
    told = capsys.readouterr()
    assert told.err.startswith(f"{missing} is missing: ")
    assert told.err.count("\n") == 1
    checked = "overlay dev" if missing == "promtool" else "metrics"
    assert f"{checked}: in order" in told.out
