"""Where the read models of a test are kept: in a file, and again in a real PostgreSQL."""

import pytest


@pytest.fixture(params=["file", pytest.param("postgres", marks=pytest.mark.postgres)])
def read_models(request: pytest.FixtureRequest) -> str | None:
    """The address of a database of the test's own, or None for a file in its folder."""
    if request.param == "file":
        return None
    return str(request.getfixturevalue("database"))
