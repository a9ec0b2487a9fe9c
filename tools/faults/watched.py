"""A program watched at every change that it makes to files: what a kill would leave.

    ended = watch(start, [folder, temporary], at)

`start(environment, output)` starts it with file_shim.c preloaded. `at(number,
operation)` is called before each change, while the program stands still: the folders
are then exactly as a SIGKILL at this moment leaves them. It answers GO, KILL (the
program and its children) or TERM (SIGTERM to the program, which goes on).
"""

import hashlib
import os
import select
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from core.errors import Esp8kError

SOURCE = Path(__file__).with_name("file_shim.c")
FLAGS = ("-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared")
GO, KILL, TERM = "go", "kill", "term"
PATIENCE_S = 120.0
State = dict[str, str]  # of a folder: SHA-256 by relative name


class Process(Protocol):
    """What `subprocess.Popen` offers, and so does a fork of this program."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...


Start = Callable[[dict[str, str], int], Process]


@dataclass(frozen=True)
class Watched:
    """How it ended."""

    status: int  # minus the signal, where one ended it
    operations: list[str]  # "open /path", in order
    output: str


def build_shim(target: Path) -> Path:
    """The library to preload; built anew each time."""
    command = ["gcc", *FLAGS, str(SOURCE), "-o", str(target), "-ldl"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        raise Esp8kError(
            "file_shim.c does not build: it needs Linux and gcc", "make setup"
        ) from None
    return target


def watch(
    start: Start, folders: Sequence[Path], at: Callable[[int, str], str]
) -> Watched:
    """Run it, stopping it before every change below `folders`."""
    operations: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        name = f"{scratch}/socket"
        server = socket.socket(socket.AF_UNIX)
        server.bind(name)
        server.listen(16)
        below = ":".join(str(folder.resolve()) for folder in folders)
        told = {"FILE_SHIM_SOCKET": name, "FILE_SHIM_BELOW": below}
        with server, open(f"{scratch}/output", "w+b") as output:
            process = start(told, output.fileno())
            try:
                _serve(server, process, operations, at)
                status = process.wait(PATIENCE_S)
            finally:
                _kill(process)
            output.seek(0)
            said = output.read().decode(errors="replace")
    return Watched(status, operations, said)


def _serve(
    server: socket.socket,
    process: Process,
    operations: list[str],
    at: Callable[[int, str], str],
) -> None:
    while process.poll() is None:
        if not select.select([server], [], [], 0.1)[0]:
            continue
        asking, _ = server.accept()
        with asking:
            operations.append(asking.recv(8192).decode(errors="replace").strip())
            verdict = at(len(operations), operations[-1])
            if verdict == KILL:
                _kill(process)
                return
            if verdict == TERM:
                os.kill(process.pid, signal.SIGTERM)
            try:
                asking.send(b"g")
            except BrokenPipeError:  # a child that was killed meanwhile
                continue


def _kill(process: Process) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


@dataclass
class Folder:
    """What lies in a folder, whenever one looks; unchanged files are not read again."""

    root: Path
    _known: dict[tuple[str, int, int, int], str] = field(default_factory=dict)

    def state(self, deep: bool = False) -> State:
        """Digests by name, of all that is there now; `deep`: objects, folders too."""
        found: State = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if name.startswith("platformio/") and not deep:
                continue
            if not path.is_file():
                found |= {name: "folder"} if deep else {}
                continue
            with suppress(FileNotFoundError):  # another process of it goes on
                found[name] = self._digest(name, path)
        return found

    def _digest(self, name: str, path: Path) -> str:
        status = path.stat()
        key = (name, status.st_ino, status.st_size, status.st_mtime_ns)
        if key not in self._known:
            self._known[key] = hashlib.sha256(path.read_bytes()).hexdigest()
        return self._known[key]
