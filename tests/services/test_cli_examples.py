"""The mappings under examples/ can be used with the pipelines that they name."""

import tomllib
from pathlib import Path

import pytest

from services.opportunities.domain.history_mapping_reading import parse_mapping
from services.opportunities.domain.history_rows import HistoryReader
from services.opportunities.domain.pipeline import parse_pipeline, problems
from tests.oracle.logs import CHECKOUT

EXAMPLES = sorted((CHECKOUT / "examples").glob("*/mapping.toml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_an_example_can_be_used(path: Path) -> None:
    mapping = parse_mapping(tomllib.loads(path.read_text(encoding="utf-8")))
    text = (path.parent / mapping.pipeline).read_text(encoding="utf-8")
    pipeline = parse_pipeline(tomllib.loads(text))
    assert not problems(pipeline)
    assert HistoryReader(mapping, pipeline).mapping.source == mapping.source
    known = {unit.unit_id for unit in mapping.units} | {"company"}
    assert {unit.parent_id for unit in mapping.units} <= known
