"""Keys of tenants and subjects, and which objects go with which subjects."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    "CREATE TABLE compatibility (works_from integer NOT NULL)",
    "INSERT INTO compatibility VALUES (1)",
    """
    CREATE TABLE tenant_keys (
        tenant_id text COLLATE "C" PRIMARY KEY,
        key bytea NOT NULL
    )
    """,
    """
    CREATE TABLE subject_keys (
        tenant_id text COLLATE "C" NOT NULL,
        subject text COLLATE "C" NOT NULL,
        wrapped_key bytea,
        PRIMARY KEY (tenant_id, subject)
    )
    """,
    """
    CREATE TABLE bindings (
        tenant_id text COLLATE "C" NOT NULL,
        object_name text COLLATE "C" NOT NULL,
        subject text COLLATE "C" NOT NULL,
        PRIMARY KEY (tenant_id, object_name, subject)
    )
    """,
    "CREATE INDEX bindings_of_subject ON bindings (tenant_id, subject)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
