"""What is typed is read, and help given, before the system is loaded."""

import subprocess
import sys

HEAVY = {"asyncpg", "fastapi", "httpx", "numpy", "pydantic", "sklearn", "sqlalchemy"}
LOADING = """
import sys
import services.cli.commands
print(*{name.partition(".")[0] for name in sys.modules})
"""


def test_the_command_line_loads_nothing_heavy_before_it_knows_what_to_do() -> None:
    said = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, check=True)
    loaded = set(said.stdout.decode().split())
    assert "typer" in loaded
    assert loaded & HEAVY == set()
