"""The ESP32-S3's engine of a generated network, run on this machine.

    engine = S3(folder, work)          # generate(..., s3=True) wrote the folder
    logits = engine.run(images)        # (N, classes)
    engine.instructions                # of the last image, the kernels' own

The text of the .S file is translated into C (`export.assembly`) and compiled over the
models of the instructions, with the C around it as the chip's compiler gets it.
"""

import ctypes
from pathlib import Path

import numpy as np

from core.errors import CheckFailed
from export.assembly import translate
from export.assembly.pie import PIE
from export.emit.host_build import aligned, compile_c
from export.plan.record import load_plan

MODELS = Path(translate.__file__).parent
DRIVER = """
#include "{prefix}_model.h"
uint64_t xt_instructions;
uint32_t arena_bytes(void);
uint32_t arena_bytes(void) {{ return {upper}_INT8_ARENA_BYTES; }}
uint32_t input_bytes(void);
uint32_t input_bytes(void) {{ return {upper}_INPUT_BYTES; }}
uint32_t outputs(void);
uint32_t outputs(void) {{ return {upper}_OUTPUT_SIZE; }}
"""
GUARD, FILL, ALIGNMENT = 256, 0x5A, 16
HOOK = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32
)


def sources(component: Path, work: Path) -> list[Path]:
    """The C files of the engine: its own, the translated kernels, a counter."""
    prefix = load_plan(component / "plan.json").prefix
    work.mkdir(parents=True, exist_ok=True)
    text = (component / "src" / f"{prefix}_int8_s3.S").read_text()
    kernels, driver = work / "kernels.c", work / "driver.c"
    kernels.write_text(translate.translate(text, PIE))
    driver.write_text(DRIVER.format(prefix=prefix, upper=prefix.upper()))
    return [component / "src" / f"{prefix}_int8_s3.c", kernels, driver]


class S3:
    """A loaded engine."""

    def __init__(self, component: Path, work: Path, *options: str) -> None:
        self.prefix = load_plan(component / "plan.json").prefix
        target = work / "engine.so"
        compile_c(
            sources(component, work),
            [component / "src", MODELS],
            target,
            *("-DNN_S3=1", "-O1", "-fPIC", "-shared", *options),
        )
        self.library = ctypes.CDLL(str(target))
        self.arena_bytes = self.library.arena_bytes()
        self.input_bytes = self.library.input_bytes()
        self.outputs = self.library.outputs()
        self._count = ctypes.c_uint64.in_dll(self.library, "xt_instructions")

    @property
    def instructions(self) -> int:
        """Of the kernels, since the last run began."""
        return self._count.value

    def run(self, images: np.ndarray, offset: int = 0) -> np.ndarray:
        """Logits of N images of raw bytes; both lie `offset` past a multiple of 16."""
        images = np.ascontiguousarray(images, np.uint8).reshape(-1, self.input_bytes)
        logits = np.zeros((len(images), self.outputs), np.int8)
        for image, row in zip(images, logits, strict=True):
            self._run(image, row, None, offset)
        return logits

    def trace(self, image: np.ndarray) -> dict[int, np.ndarray]:
        """What the hook sees, by stage number: bytes."""
        found: dict[int, bytearray] = {}

        def hook(_: int, stage: int, data: int, size: int) -> None:
            found.setdefault(stage, bytearray()).extend(ctypes.string_at(data, size))

        logits = np.zeros(self.outputs, np.int8)
        self._run(image.reshape(-1), logits, HOOK(hook), 0)
        return {n: np.frombuffer(bytes(x), np.uint8) for n, x in found.items()}

    def _run(
        self, image: np.ndarray, row: np.ndarray, hook: object, offset: int
    ) -> None:
        arena = aligned(self.arena_bytes + GUARD, ALIGNMENT, FILL)
        held = aligned(self.input_bytes + GUARD, ALIGNMENT, 0)[offset:]
        held[: self.input_bytes] = image
        out = aligned(self.outputs + 2 * GUARD, ALIGNMENT, FILL)
        start, end = GUARD + offset, GUARD + offset + self.outputs
        self._count.value = 0
        status = getattr(self.library, f"{self.prefix}_int8_run_traced")(
            *(ctypes.c_void_p(x.ctypes.data) for x in (arena, held, out[start:])),
            hook,
            None,
        )
        row[:] = out[start:end].view(np.int8)
        around = (arena[self.arena_bytes :], out[:start], out[end:])
        if status or any((beside != FILL).any() for beside in around):
            raise CheckFailed(
                f"the S3's engine gives status {status}, or writes where it must not",
                "a bug of export/cores/s3: report it with this model",
            )
