"""`make stack`: the scaled system on this machine, until Ctrl-C."""

import argparse
import asyncio
import signal
import socket
import sys
from pathlib import Path

from shared.data_folder import DataFolder, FolderInUse
from stack.supervised_server import ServerCannotStart
from stack.supervisor import StepFailed, Supervisor

_AWAY = 4


def main(arguments: list[str]) -> int:
    """The exit code: 0, or 4 with one line that says what cannot be started, and why."""
    parser = argparse.ArgumentParser(prog="python -m stack", description=__doc__)
    parser.add_argument("--port", type=int, default=8700)
    parser.add_argument("--data", type=Path, default=Path(".data/stack"))
    parser.add_argument("--without-demo", action="store_true")
    given = parser.parse_args(arguments)
    data = given.data.absolute()
    held = DataFolder(data)
    try:
        data.mkdir(parents=True, exist_ok=True)  # PostgreSQL's user has to get through it
        held.acquire()
        socket.create_server(("127.0.0.1", given.port)).close()
        asyncio.run(_run(data, given.port, demo=not given.without_demo))
    except (FolderInUse, ServerCannotStart, StepFailed) as failure:
        _say(str(failure))
        return _AWAY
    except OSError as failure:
        what = failure.filename or f"port {given.port}"
        _say(f"{what}: {failure.strerror}; choose another with PORT=… or DATA=…")
        return _AWAY
    finally:
        held.release()
    return 0


async def _run(data: Path, port: int, *, demo: bool) -> None:
    supervisor = Supervisor(data=data, port=port, demo=demo, say=_say)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, supervisor.stopping.set)
    await supervisor.run()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
