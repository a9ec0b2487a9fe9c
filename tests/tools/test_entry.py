"""The command's first moment."""

import subprocess
import sys
import tomllib

from core.errors import EXIT_INTERRUPTED
from core.paths import ROOT

INTERRUPTED_AT_AN_IMPORT = """
import sys

class CtrlC:
    def find_spec(self, name, *_):
        if name == "core.program":
            raise KeyboardInterrupt

sys.meta_path.insert(0, CtrlC())
from {module} import {name}
{name}()
"""


def test_ctrl_c_while_modules_are_imported_ends_quietly() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, name = told["esp8k"].split(":")
    code = INTERRUPTED_AT_AN_IMPORT.format(module=module, name=name)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (EXIT_INTERRUPTED, b"", b"")
