"""The git revision that a result is filed with."""

import subprocess
from pathlib import Path

from core.paths import ROOT

TIMEOUT_S = 30.0


def revision(*folders: str, root: Path = ROOT) -> str | None:
    """The commit of the checkout, `+` behind it where tracked files were changed.

    `folders` narrows down which changes count. None where there is no history: a
    tarball, a machine without git.
    """
    try:
        head = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no", *folders)
    except (OSError, subprocess.SubprocessError):
        return None
    return head + ("+" if changed else "")


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(
        ("git", "-C", str(root), *words),
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT_S,
    )
    return done.stdout.strip()
