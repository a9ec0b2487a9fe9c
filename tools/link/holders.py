"""Which programs have a port open, as far as /proc may be looked at."""

import os
from pathlib import Path

PROC = Path("/proc")


def holders(port: str, proc: Path = PROC) -> dict[int, str]:
    """Process id to program name of all that have `port` open, this one too.

    Other users' processes, and those that end meanwhile, are left out; without a
    /proc (macOS, Windows) there is nobody.
    """
    target = os.path.realpath(port)
    found = {}
    for link in proc.glob("[0-9]*/fd/*"):
        process = link.parent.parent
        try:
            if os.path.realpath(link) == target:
                found[int(process.name)] = (process / "comm").read_text().strip()
        except OSError:
            continue
    return dict(sorted(found.items()))
