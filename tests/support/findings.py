"""What the doctor finds, by its check, and ports that somebody holds."""

from pathlib import Path

from tools.doctor.finding import Finding

CP210X, CH340 = (0x10C4, 0xEA60), (0x1A86, 0x7523)


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


def put_holder(folder: Path, pid: int, name: str, port: Path) -> None:
    (folder / "proc" / str(pid) / "fd").mkdir(parents=True)
    (folder / "proc" / str(pid) / "fd" / "3").symlink_to(port)
    (folder / "proc" / str(pid) / "comm").write_text(name + "\n")
