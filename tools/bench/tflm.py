"""TFLite Micro's own cost on this machine: instructions by callgrind.

    found = count(tflite_path, inputs)     # None without valgrind or the package

What is counted is `MicroInterpreter::Invoke` and all that it calls: no Python, no
allocation, no copy of the input. The kernels that ran are named, so that nobody need
guess whether the wheel's are the reference ones.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from elftools.elf.elffile import ELFFile

from core.errors import Esp8kError
from export.emit.host_build import compile_c
from export.reference import tflm

TIMEOUT_S = 300
INVOKE = "tflite::micro::MicroInterpreter::Invoke()"
SCRIPT = """
import ctypes
import sys
import numpy
from tflite_micro import runtime
interpreter = runtime.Interpreter.from_file(sys.argv[1])
ctypes.CDLL(sys.argv[3]).start()
for values in numpy.load(sys.argv[2]):
    interpreter.set_input(values[None], 0)
    interpreter.invoke()
"""
# Until then nothing is looked at: importing numpy takes three times as long if it is.
START = """
#include <valgrind/callgrind.h>
void start(void);
void start(void) { CALLGRIND_START_INSTRUMENTATION; }
"""
# Names by which accelerated kernels would be known.
ACCELERATED = ("cmsis", "arm_", "xtensa", "esp_nn", "hifi", "xnn", "ruy")


@dataclass(frozen=True)
class Counted:
    """One inference of TFLite Micro."""

    instructions: int  # mean over the inputs
    reference_kernels: bool  # nothing accelerated ran
    compiler: str  # that built the wheel


def count(model: Path, inputs: np.ndarray) -> Counted | None:
    """Instructions an inference of `inputs` (N, ...) int8, by the PyPI wheel."""
    if not tflm.available() or not shutil.which("valgrind"):
        return None
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "invoke.py").write_text(SCRIPT)
        (folder / "start.c").write_text(START)
        np.save(folder / "inputs.npy", inputs)
        start, profile = folder / "start.so", folder / "profile"
        compile_c([folder / "start.c"], [], start, "-shared", "-fPIC")
        done = subprocess.run(
            [
                *("valgrind", "--tool=callgrind", f"--toggle-collect={INVOKE}"),
                *("--instr-atstart=no", f"--callgrind-out-file={profile}"),
                *(sys.executable, str(folder / "invoke.py"), str(model)),
                *(str(folder / "inputs.npy"), str(start)),
            ],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        found = re.search(r"Collected : (\d+)", done.stderr)
        if done.returncode or not found or found.group(1) == "0":
            raise Esp8kError("TFLite Micro failed under callgrind", done.stderr[-200:])
        names = re.findall(r"fn=\(\d+\) (\S.*)", profile.read_text())
    mean = round(int(found.group(1)) / len(inputs))
    ran = " ".join(names).lower()
    return Counted(mean, not any(x in ran for x in ACCELERATED), built_by())


def built_by() -> str:
    """The compiler that made the wheel's library: its .comment section."""
    import tflite_micro

    (library,) = Path(tflite_micro.__file__).parent.rglob("_runtime.so")
    with library.open("rb") as stream:
        section = ELFFile(stream).get_section_by_name(".comment")
        text = section.data().split(b"\0")[0].decode() if section else ""
    version = re.search(r"\d+\.\d+\.\d+", text)
    return f"gcc {version.group()}" if version else "unknown"
