"""What the pipelines of a tenant are, and what their stages are called in a language."""

from sqlalchemy import select

from services.projections.queries.read_models import STAGE_NAMES
from shared.read_store import ReadStore


async def pipeline_names(reads: ReadStore, tenant_id: str) -> list[str]:
    """Those published, by name."""
    rows = STAGE_NAMES.rows
    query = select(rows.c.key).where(rows.c.tenant_id == tenant_id).order_by(rows.c.key)
    async with reads.reading() as connection:
        return list((await connection.execute(query)).scalars())


async def stage_titles(reads: ReadStore, tenant_id: str, language: str) -> dict[str, str]:
    """Stage → title; a stage without one in that language is missing and shows its name."""
    rows = STAGE_NAMES.rows
    query = select(rows.c.body).where(rows.c.tenant_id == tenant_id).order_by(rows.c.key)
    async with reads.reading() as connection:
        bodies = (await connection.execute(query)).scalars().all()
    return {
        stage: by_language[language]
        for body in bodies
        for stage, by_language in STAGE_NAMES.decode(body).titles.items()
        if language in by_language
    }
