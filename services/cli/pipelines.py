"""`pulsetrail pipeline`: is it walkable; store a new version."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from services.cli.desk import Desk, Request
from services.cli.exit_codes import DONE, FOUND_SOMETHING
from services.cli.history_rehearsal import Commands
from services.cli.output import Output
from services.cli.toml_files import read_toml
from services.opportunities.domain.pipeline import (
    PIPELINE,
    Published,
    PublishPipeline,
    parse_pipeline,
    problems,
)
from shared.command_handling import CommandContext
from shared.errors import FieldProblem, Malformed
from shared.events.opportunities import PipelineDefinition


async def publish_pipeline(
    commands: Commands, pipeline: PipelineDefinition, context: CommandContext
) -> PipelineDefinition:
    """The definition as stored: what is published already keeps its version.

    Raises PipelineCannotBeWalked.
    """
    command = PublishPipeline(pipeline=pipeline, now=context.occurred_at)
    handled = await commands.handle(PIPELINE, pipeline.name, command, context)
    assert isinstance(handled.state, Published)
    return handled.state.pipeline


def check_pipeline(path: Path, output: Output) -> int:
    """Says what is wrong with a pipeline file. Raises FileIsNoToml."""
    document = read_toml(path)
    try:
        pipeline = parse_pipeline(document)
        found = list(problems(pipeline))
        name = pipeline.name
    except Malformed as refusal:
        found, name = list(refusal.errors), path.name
    if output.as_json:
        output.document({"pipeline": name, "walkable": not found, "errors": _rows(found)})
    elif found:
        output.table(f"{name} cannot be walked", _rows(found), ("field", "code", "message"))
    else:
        output.line(f"{name} can be walked")
    return FOUND_SOMETHING if found else DONE


def _rows(found: list[FieldProblem]) -> list[dict[str, Any]]:
    return [{"field": each.field, "code": each.code, "message": each.message} for each in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishPipelineFile(Request):
    name: ClassVar[str] = "pipeline publish"

    file: str

    async def run(self, desk: Desk) -> int:
        pipeline = parse_pipeline(read_toml(Path(self.file)))
        commands = desk.ports.commands("opportunities")
        published = await publish_pipeline(commands, pipeline, desk.context())
        await desk.settle()
        if desk.output.as_json:
            desk.output.document({"pipeline": published.name, "version": published.version})
        else:
            desk.output.line(f"{published.name} version {published.version}")
        return DONE
