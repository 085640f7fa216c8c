"""Processes of ours started without loading the system anew: forked from one that has loaded it.

Loading costs more than a second, and the tests start hundreds of processes. What is forked runs
what `python -m NAME` runs, with an environment, output and end of its own, and can be killed.
Tests of the start itself, and of its time and memory, start a process by `subprocess`.
"""

import importlib
import json
import os
import pkgutil
import resource
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from threading import Lock
from typing import IO, Any

import services
import shared

LONGEST_SECONDS = 300.0

_LONGEST_REQUEST = 1_000_000
_BETWEEN_LOOKS_SECONDS = 0.005


class Launched:
    """A process that was forked; its methods are those of `subprocess.Popen`."""

    def __init__(self, pid: int, source: "_Source") -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._source = source
        self._looking = Lock()
        """How a process ended is told once, to whichever thread asks first."""

    def poll(self) -> int | None:
        with self._looking:
            if self.returncode is None:
                self.returncode = self._source.ask({"ended": self.pid})
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        ends = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if ends is not None and time.monotonic() > ends:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(_BETWEEN_LOOKS_SECONDS)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def launch(
    arguments: Sequence[str],
    out: IO[bytes],
    err: IO[bytes],
    *,
    environment: Mapping[str, str] | None = None,
    file_limit_bytes: int | None = None,
    module: str = "services.cli",
) -> Launched:
    """`python -m MODULE ARGUMENTS`, forked; does not wait.

    `environment` is all of it; None means that of the tests. With a limit no file grows beyond
    it, as on a disk that is full.
    """
    source = _source()
    request = {
        "module": module,
        "arguments": list(arguments),
        "environment": dict(os.environ if environment is None else environment),
        "file_limit_bytes": file_limit_bytes,
    }
    return Launched(source.ask(request, [out.fileno(), err.fileno()]), source)


def run(
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    file_limit_bytes: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """`pulsetrail ARGUMENTS` to its end.

    Raises subprocess.TimeoutExpired, and has killed it, after LONGEST_SECONDS.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = launch(
            arguments, out, err, environment=environment, file_limit_bytes=file_limit_bytes
        )
        try:
            code = process.wait(LONGEST_SECONDS)
        finally:
            process.kill()
        return subprocess.CompletedProcess(arguments, code, _written(out), _written(err))


def _written(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


class _Source:
    """The process that has loaded everything, seen from the tests; it ends with them."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        arguments = [sys.executable, "-m", "tests.system.warm_start", str(theirs.fileno())]
        with theirs:
            subprocess.Popen(
                arguments,
                pass_fds=[theirs.fileno()],
                stdout=subprocess.DEVNULL,
                env=os.environ | {"PYTHONUTF8": "1"},
            )
        self._ours = ours
        self._lock = Lock()

    def ask(self, request: dict[str, Any], descriptors: Sequence[int] = ()) -> Any:
        """Its answer: a process id, or how one ended (None: it has not)."""
        with self._lock:
            socket.send_fds(self._ours, [json.dumps(request).encode()], descriptors)
            answer = self._ours.recv(_LONGEST_REQUEST)
        assert answer, "the process that forks the others is gone"
        return json.loads(answer)


@cache
def _source() -> _Source:
    return _Source()


# --- inside the process that forks ------------------------------------------------------------


def _load_everything() -> None:
    for package in (services, shared):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


def _serve(asked: socket.socket) -> dict[str, Any]:
    """Answers until the tests are gone; in each process that it forks, what that is to run."""
    while True:
        text, descriptors, _, _ = socket.recv_fds(asked, _LONGEST_REQUEST, 2)
        if not text:
            sys.exit()
        request: dict[str, Any] = json.loads(text)
        if (ended := request.get("ended")) is not None:
            pid, status = os.waitpid(ended, os.WNOHANG)
            asked.send(json.dumps(os.waitstatus_to_exitcode(status) if pid else None).encode())
            continue
        pid = os.fork()
        if pid == 0:
            asked.close()
            for standard, descriptor in zip((1, 2), descriptors, strict=True):
                os.dup2(descriptor, standard)
                os.close(descriptor)
            return request
        for descriptor in descriptors:
            os.close(descriptor)
        asked.send(json.dumps(pid).encode())


def _become(request: dict[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    if (limit := request["file_limit_bytes"]) is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    sys.argv[1:] = request["arguments"]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever is interrupted still has to clean up
    _load_everything()
    _become(_serve(socket.socket(fileno=int(sys.argv[1]))))
