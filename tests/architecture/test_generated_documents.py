"""The generated documents say what the code says."""

import pytest

from docs.generate import DOCUMENTS, FOLDER


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_generated_document_is_up_to_date(name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")
    assert written == DOCUMENTS[name](), "run `make docs`"
