"""What the firmware is compiled from: firmware/folders.txt, which every build reads.

    files = compiled("posix")             # all C but the model's
    flags = includes(component, "posix")

A port lies in firmware/port/<port>; the model is a component that `make export` wrote.
"""

from pathlib import Path

from core.paths import ROOT

FIRMWARE = ROOT / "firmware"


def folders(firmware: Path = FIRMWARE) -> list[Path]:
    """Of the C that every board runs."""
    return [firmware / one for one in (firmware / "folders.txt").read_text().split()]


def compiled(port: str, firmware: Path = FIRMWARE) -> list[Path]:
    """The C files over one port, without the model."""
    where = [*folders(firmware), firmware / "port" / port]
    return [path for folder in where for path in sorted(folder.glob("*.c"))]


def includes(component: Path, port: str, firmware: Path = FIRMWARE) -> list[str]:
    """-I flags for them and for a model."""
    where = (
        firmware / "port",
        firmware / "port" / port,
        *folders(firmware),
        component / "alias",
        component / "src",
        component,
    )
    return [f"-I{folder}" for folder in where if folder.is_dir()]
