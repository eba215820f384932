"""Processes of the command line that begin as copies of one which has imported what takes long.

Each is a process of its own, with its own environment, folder, streams and exit code, as if ``python -m falsetrue`` had
been started; but scikit-learn, which takes two seconds to import, is there already. They are copies of a process that
does nothing else, as the tests' own has threads.
"""

import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

#: What commands import when they run.
IMPORTED = (
    "falsetrue.cli.verbs",
    "falsetrue.jobs.train",
    "falsetrue.jobs.evaluate",
    "falsetrue.jobs.monitor",
    "falsetrue.bundle.foreign",
    "scipy.stats",
    "sklearn.ensemble",
    "sklearn.linear_model",
)
#: What an interpreter looks at when it starts, and never again, begins like this.
_READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "OMP_", "OPENBLAS_")
#: How long a request may be, in bytes.
_LONGEST = 2**17


def read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that a copy cannot be given any more."""
    return {name: value for name, value in environment.items() if name.startswith(_READ_AT_START)}


class Forks:
    """Runs ``falsetrue`` in copies of a process that it starts when first asked."""

    def __init__(self) -> None:
        self._environment = read_at_start(os.environ)
        self._asking = threading.Lock()
        self._original: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    def can(self, environment: Mapping[str, str]) -> bool:
        """Whether a copy is what a process started with this environment would be."""
        return sys.platform == "linux" and read_at_start(environment) == self._environment

    def run(
        self, arguments: Sequence[str], *, stdin: bytes, folder: Path, environment: Mapping[str, str], timeout: float
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run a command to its end, as :func:`subprocess.run` does.

        Raises:
            subprocess.TimeoutExpired: It did not end in time, and was killed.
        """
        request = json.dumps({"arguments": list(arguments), "folder": str(folder), "environment": dict(environment)})
        (read, given), (out, written), (err, complained), (ended, telling) = (os.pipe() for _ in range(4))
        with self._asking:
            socket.send_fds(self._requests(), [request.encode()], [read, written, complained, telling])
        for theirs in (read, written, complained, telling):
            os.close(theirs)
        with ThreadPoolExecutor(3) as pool:
            pool.submit(_write, given, stdin)
            streams = [pool.submit(_read, stream) for stream in (out, err)]
            in_time = select.select([ended], [], [], timeout)[0]
            if not in_time:
                self.end()
            code = _read(ended)
        if not in_time:
            raise subprocess.TimeoutExpired(["falsetrue", *arguments], timeout)
        stdout, stderr = (stream.result() for stream in streams)
        return subprocess.CompletedProcess(["falsetrue", *arguments], int(code), stdout, stderr)

    def _requests(self) -> socket.socket:
        if self._original is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-P", __file__, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,  # a group of its own, to be ended with all that it started
                )
            self._original = process, ours
        return self._original[1]

    def end(self) -> None:
        """End the process, and whatever it started that still runs."""
        if self._original is not None:
            process, ours = self._original
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            ours.close()
            self._original = None


def _write(stream: int, data: bytes) -> None:
    with suppress(BrokenPipeError), os.fdopen(stream, "wb") as file:
        file.write(data)


def _read(stream: int) -> bytes:
    with os.fdopen(stream, "rb") as file:
        return file.read()


def _fork_on_demand(requests: socket.socket) -> None:
    """What the original does; returns where a copy is to run the command."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        request, streams, _, _ = socket.recv_fds(requests, _LONGEST, 4)
        if not request:
            sys.exit()
        if os.fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            *streams, telling = streams
            command = os.fork()
            if command:
                _tell_how_it_ended(command, streams, telling)
            os.close(telling)
            _become(streams, **json.loads(request))
            return
        for stream in streams:
            os.close(stream)


def _tell_how_it_ended(command: int, streams: list[int], telling: int) -> NoReturn:
    for stream in streams:
        os.close(stream)
    _, status = os.waitpid(command, 0)
    os.write(telling, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(streams: list[int], *, arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments


if __name__ == "__main__":
    for module in IMPORTED:
        import_module(module)
    gc.freeze()
    _fork_on_demand(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module("falsetrue", run_name="__main__", alter_sys=True)
