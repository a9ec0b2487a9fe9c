"""Every file that goes into a firmware says its licence in its first lines."""

import subprocess

from core.paths import ROOT

KINDS = ("*.c", "*.h", "*.S", "*.ld", "*.ino", "*.cpp")


def test_every_file_of_a_firmware_names_its_licence() -> None:
    patterns = [f"{folder}/{kind}" for folder in ("firmware", "examples")
                for kind in KINDS]  # fmt: skip
    told = subprocess.run(
        ["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    assert len(told) > 60
    missing = [
        name
        for name in told
        if "SPDX-License-Identifier: MIT" not in (ROOT / name).read_text()[:100]
    ]
    assert missing == []
