"""What is there, what is wrong with it, and the cure of each.

    esp8k doctor                       # this computer and every port
    esp8k doctor --port /dev/ttyUSB0 --json

Looks at Python and its packages, compilers, emulators, PlatformIO, disk, exported
models, then at every serial port: USB chip, driver, rights, who holds it, and who
answers. Exit code 0 if nothing is wrong, 3 if a port or board is, 1 if only this
computer is. Nothing is written anywhere; a board that keeps silent is reset once.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TextIO

from core import terminal
from core.cli import parse
from core.errors import EXIT_CHECK_FAILED, EXIT_DEVICE, EXIT_OK
from core.program import run
from core.text import folded, for_json, visible
from tools.doctor.finding import NOTE, OK, PROBLEM, Finding
from tools.doctor.host import examine_host
from tools.doctor.ports import Ports, examine_ports

COLOURS = {OK: "\x1b[32m", NOTE: "\x1b[33m", PROBLEM: "\x1b[31m"}
SIGNS = {OK: "✓", NOTE: "·", PROBLEM: "✗"}
PLAIN_SIGNS = {OK: "ok", NOTE: "--", PROBLEM: "!!"}


@dataclass(frozen=True)
class Config:
    """Options of `esp8k doctor`."""

    port: str | None = None  # look at this port only
    ask: bool = True  # whether what is on the ports is talked to
    network: bool = True  # whether PlatformIO's registry is looked for
    json: bool = False  # print the findings as JSON


def exit_code(findings: list[Finding]) -> int:
    """3 for a device or link, else 1 for this computer, else 0."""
    wrong = [finding for finding in findings if finding.level == PROBLEM]
    if any(finding.port is not None for finding in wrong):
        return EXIT_DEVICE
    return EXIT_CHECK_FAILED if wrong else EXIT_OK


def show(findings: list[Finding], stream: TextIO) -> None:
    """Findings under their headings; cures indented below what they cure."""
    colour = terminal.has_colour(stream)
    signs = SIGNS if terminal.has_blocks(terminal.encoding_of(stream)) else PLAIN_SIGNS
    heading = None
    for finding in findings:
        title = visible(finding.port or finding.topic)
        if title != heading:
            print(("" if heading is None else "\n") + title, file=stream)
            heading = title
        sign = signs[finding.level]
        if colour:
            sign = f"{COLOURS[finding.level]}{sign}{terminal.RESET}"
        text = folded(
            f"  {signs[finding.level]} {visible(finding.text)}", stream, " " * 6
        )
        print(text.replace(signs[finding.level], sign, 1), file=stream)
        if finding.cure:
            cure = f"      cure: {visible(finding.cure)}"
            print(folded(cure, stream, " " * 12), file=stream)
    wrong = sum(finding.level == PROBLEM for finding in findings)
    told = {0: "nothing is wrong", 1: "one problem"}.get(wrong, f"{wrong} problems")
    print(f"\n{told}", file=stream)


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    config = parse(Config, argv, "doctor", __doc__ or "")
    findings = [] if config.port else examine_host(config.network)
    findings += examine_ports(Ports(), config.port, config.ask)
    if config.json:
        content = {
            "findings": [asdict(finding) for finding in findings],
            "problems": sum(finding.level == PROBLEM for finding in findings),
        }
        print(for_json(content))
    else:
        show(findings, sys.stdout)
    return exit_code(findings)


if __name__ == "__main__":
    run(main)
