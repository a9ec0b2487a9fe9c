"""Compile a generated component for this machine and call it from numpy."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np

from export.emit.generate import KERNELS, Plan, flags, load_plan
from export.emit.host_build import WARNINGS

TRAP = ("-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")


def kernels(folder: Path, source: str, *options: str) -> ctypes.CDLL:
    """The C of `source`, which may include any kernel, under the house's warnings."""
    (folder / "test.c").write_text(source)
    target = folder / "test.so"
    command = ["gcc", *flags("host"), *WARNINGS, *options, "-fPIC", "-shared"]
    command += [f"-I{KERNELS}", str(folder / "test.c"), "-o", str(target)]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(target))


DRIVER = """
#include "{prefix}_model.h"
#include <string.h>

#define GUARD 256

#ifndef {upper}_F16_ARENA_BYTES
#define {upper}_F16_ARENA_BYTES 0u
#endif
#define LARGER(a, b) ((a) > (b) ? (a) : (b))
#define ARENA LARGER({upper}_INT8_ARENA_BYTES, {upper}_F16_ARENA_BYTES)

static _Alignas(16) uint8_t arena[ARENA + GUARD];

typedef struct {{ uint8_t *out; uint32_t base[64]; uint32_t stage[64]; }} trace_t;

static void record(void *context, uint32_t stage, const void *data, uint32_t bytes)
{{
    trace_t *t = context;
    memcpy(t->out + t->base[stage] + t->stage[stage], data, bytes);
    t->stage[stage] += bytes;
}}

void run_int8(const uint8_t *images, int8_t *logits, uint32_t count);
void run_int8(const uint8_t *images, int8_t *logits, uint32_t count)
{{
    for (uint32_t i = 0; i < count; ++i)
        (void){prefix}_int8_run(arena, images + i * {inputs}u, logits + i * {outputs}u);
}}

uint32_t touched_int8(const uint8_t *image, int8_t *logits, uint8_t fill);
uint32_t touched_int8(const uint8_t *image, int8_t *logits, uint8_t fill)
{{
    uint32_t end = sizeof arena;

    memset(arena, fill, sizeof arena);
    (void){prefix}_int8_run(arena, image, logits);
    while (end > 0 && arena[end - 1] == fill)
        --end;
    return end;
}}

void trace_int8(const uint8_t *image, int8_t *logits, trace_t *trace);
void trace_int8(const uint8_t *image, int8_t *logits, trace_t *trace)
{{
    (void){prefix}_int8_run_traced(arena, image, logits, record, trace);
}}
"""
DRIVER_F16 = """
void run_f16(const uint8_t *images, float *logits, uint32_t count);
void run_f16(const uint8_t *images, float *logits, uint32_t count)
{{
    for (uint32_t i = 0; i < count; ++i)
        (void){prefix}_f16_run(arena, images + i * {inputs}u, logits + i * {outputs}u);
}}

uint32_t touched_f16(const uint8_t *image, float *logits, uint8_t fill);
uint32_t touched_f16(const uint8_t *image, float *logits, uint8_t fill)
{{
    uint32_t end = sizeof arena;

    memset(arena, fill, sizeof arena);
    (void){prefix}_f16_run(arena, image, logits);
    while (end > 0 && arena[end - 1] == fill)
        --end;
    return end;
}}

void trace_f16(const uint8_t *image, float *logits, trace_t *trace);
void trace_f16(const uint8_t *image, float *logits, trace_t *trace)
{{
    (void){prefix}_f16_run_traced(arena, image, logits, record, trace);
}}
"""


class Trace(ctypes.Structure):
    """What the hook saw."""

    _fields_ = [
        ("out", ctypes.c_void_p),
        ("base", ctypes.c_uint32 * 64),
        ("stage", ctypes.c_uint32 * 64),
    ]


class Native:
    """A component compiled as a shared library."""

    def __init__(
        self,
        component: Path,
        work: Path,
        compiler: str = "gcc",
        options: tuple[str, ...] = (),
    ) -> None:
        self.plan = load_plan(component / "plan.json")
        header = (component / "src" / f"{self.plan.prefix}_model.h").read_text()
        self.inputs = _defined(header, "INPUT_BYTES")
        self.outputs = _defined(header, "OUTPUT_SIZE")
        work.mkdir(parents=True, exist_ok=True)
        driver = work / "driver.c"
        has_f16 = self.plan.f16_arena_bytes > 0
        driver.write_text(
            (DRIVER + (DRIVER_F16 if has_f16 else "")).format(
                prefix=self.plan.prefix,
                upper=self.plan.prefix.upper(),
                inputs=self.inputs,
                outputs=self.outputs,
            )
        )
        self.path = work / "component.so"
        chosen = [f for f in flags("host") if not f.startswith("-fno-schedule")]
        if compiler == "gcc":
            chosen = flags("host")
        sources = sorted(map(str, (component / "src").glob("*.c")))
        command = [compiler, *chosen, *WARNINGS, *options, "-fPIC", "-shared"]
        command += ["-I", str(component / "src")]
        subprocess.run(
            [*command, "-std=c11", *sources, str(driver), "-o", str(self.path)],
            check=True,
        )
        self.library = ctypes.CDLL(str(self.path))

    def run(self, engine: str, images: np.ndarray) -> np.ndarray:
        """Logits of N images of raw bytes."""
        images = np.ascontiguousarray(images, np.uint8).reshape(-1, self.inputs)
        kind = np.int8 if engine == "int8" else np.float32
        logits = np.empty((len(images), self.outputs), kind)
        getattr(self.library, f"run_{engine}")(
            _pointer(images), _pointer(logits), ctypes.c_uint32(len(images))
        )
        return logits

    def touched(self, engine: str, image: np.ndarray) -> int:
        """One past the last byte of the arena, and what is behind, that is written."""
        image = np.ascontiguousarray(image, np.uint8).reshape(self.inputs)
        logits = np.zeros(self.outputs, np.float32)
        call = getattr(self.library, f"touched_{engine}")
        fills = (0xA5, 0x5A, 0x3C)
        return max(call(_pointer(image), _pointer(logits), fill) for fill in fills)

    @staticmethod
    def plan_of(component: Path) -> Plan:
        """The plan beside a component's C."""
        return load_plan(component / "plan.json")

    def trace(self, engine: str, image: np.ndarray) -> list[np.ndarray]:
        """Every stage's output as the hook sees it, in the plan's shapes."""
        image = np.ascontiguousarray(image, np.uint8).reshape(self.inputs)
        stages = self.plan.engine(engine)
        room = np.zeros(sum(4 * int(np.prod(s.shape)) for s in stages), np.uint8)
        logits = np.zeros(self.outputs * 4, np.uint8)
        trace = Trace(out=room.ctypes.data)
        for stage, after in zip(stages, stages[1:], strict=False):
            base = trace.base[stage.number] + 4 * int(np.prod(stage.shape))
            trace.base[after.number] = base
        getattr(self.library, f"trace_{engine}")(
            _pointer(image), _pointer(logits), ctypes.byref(trace)
        )
        kinds = {"int8": np.int8, "u8=q+128": np.uint8, "float32": np.float32}
        found = []
        for stage in stages:
            at, size = trace.base[stage.number], trace.stage[stage.number]
            raw = room[at : at + size]
            found.append(raw.view(kinds[stage.representation]).reshape(stage.shape))
        return found


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _defined(header: str, name: str) -> int:
    line = next(x for x in header.splitlines() if f"_{name} " in x)
    return int(line.split()[-1].rstrip("u"))
