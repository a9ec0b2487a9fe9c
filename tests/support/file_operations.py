"""A program watched at every change that it makes to files: what a kill would leave.

    watched = watch(command, env, [folder, temporary], at)

`at(number, operation)` is called before each one, while the program stands still: the
folders are then exactly as a SIGKILL at this moment leaves them. It answers GO, KILL
(the program and its children) or TERM (SIGTERM to the program, which goes on).
"""

import hashlib
import os
import select
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("file_shim.c")
GO, KILL, TERM = "go", "kill", "term"
PATIENCE_S = 120.0
State = dict[str, str]  # of a folder: SHA-256 by relative name


@dataclass
class Watched:
    """How it ended."""

    status: int
    operations: list[str]  # "open /path", in order
    output: str


@pytest.fixture(scope="session")
def file_shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library to preload."""
    target = tmp_path_factory.mktemp("shim") / "file_shim.so"
    flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]
    subprocess.run(["gcc", *flags, str(SOURCE), "-o", str(target), "-ldl"], check=True)
    return target


def watch(
    shim: Path,
    command: Sequence[str],
    environment: dict[str, str],
    folders: Sequence[Path],
    at: Callable[[int, str], str],
) -> Watched:
    """Run `command`, stopping it before every change below `folders`."""
    operations: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        name = f"{scratch}/socket"
        server = socket.socket(socket.AF_UNIX)
        server.bind(name)
        server.listen(16)
        output = open(f"{scratch}/output", "w+b")
        below = ":".join(str(folder.resolve()) for folder in folders)
        shimmed = {"LD_PRELOAD": str(shim), "FILE_SHIM_SOCKET": name}
        process = subprocess.Popen(
            command,
            env=os.environ | environment | shimmed | {"FILE_SHIM_BELOW": below},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with server, output:
            try:
                _serve(server, process, operations, at)
                status = process.wait(PATIENCE_S)
            finally:
                _kill(process)
            output.seek(0)
            told = output.read().decode(errors="replace")
    return Watched(status, operations, told)


def _serve(
    server: socket.socket,
    process: "subprocess.Popen[bytes]",
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
                process.send_signal(signal.SIGTERM)
            try:
                asking.send(b"g")
            except BrokenPipeError:  # a child that was killed meanwhile
                continue


def _kill(process: "subprocess.Popen[bytes]") -> None:
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

    def state(self) -> State:
        """Digests by name, of all that is there now."""
        found: State = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if name.startswith("platformio/") or not path.is_file():
                continue
            status = path.stat()
            key = (name, status.st_ino, status.st_size, status.st_mtime_ns)
            if key not in self._known:
                self._known[key] = hashlib.sha256(path.read_bytes()).hexdigest()
            found[name] = self._known[key]
        return found
