"""C programs of the firmware's core, built for this computer and run."""

import subprocess
from pathlib import Path

from tests.support.echo import C99

SANITIZED = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def build(compiler: str, out: Path, *arguments: str) -> Path:
    done = subprocess.run(
        [compiler, *C99, *arguments, "-o", str(out)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return out


def run(program: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(program), *arguments], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
