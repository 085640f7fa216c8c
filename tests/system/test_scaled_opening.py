"""What a process of the scaled system can be opened without."""

from pathlib import Path

import pytest

from services.scaled import api_of, open_scaled
from shared.errors import StoreAway
from shared.settings import ScaledSettings


async def test_a_process_that_cannot_keep_evidence_starts_and_says_so(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.write_text("a file where a folder is needed")
    settings = ScaledSettings.model_validate(
        {
            "database_url": "postgresql://nobody@127.0.0.1:9/none",
            "object_store_url": (closed / "objects").as_uri(),
        }
    )
    async with open_scaled(settings, api_of(("opportunities",))) as hosting:
        with pytest.raises(StoreAway, match="the object store cannot be written"):
            await hosting.ports.object_store.check()
