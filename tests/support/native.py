"""Compile generated C for this machine, call it from numpy, and watch it."""

import ctypes
from pathlib import Path

import numpy as np

from export.emit.generate import KERNELS, Plan, load_plan
from export.emit.host_build import Library, compile_c, shared_object

TRAP = ("-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")
HOOK = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32
)  # (context, stage, data, bytes)
KINDS = {"int8": np.int8, "u8=q+128": np.uint8, "float32": np.float32}


def same_bits(found: np.ndarray, wanted: np.ndarray) -> bool:
    """Whether two arrays of float32 are equal to the last bit, NaN and -0 included."""
    return bool(np.array_equal(found.view(np.uint32), wanted.view(np.uint32)))


def kernels(folder: Path, source: str, *options: str) -> ctypes.CDLL:
    """The C of `source`, which may include any kernel, under the house's warnings."""
    (folder / "test.c").write_text(source)
    target = folder / "test.so"
    compile_c([folder / "test.c"], [KERNELS], target, "-fPIC", "-shared", *options)
    return ctypes.CDLL(str(target))


class Native(Library):
    """A component whose stages and arena are looked at."""

    def __init__(
        self,
        component: Path,
        work: Path,
        compiler: str = "gcc",
        options: tuple[str, ...] = (),
    ) -> None:
        path = shared_object(component, work, *options, compiler=compiler)
        super().__init__(component, path, *options)

    def touched(self, engine: str, image: np.ndarray) -> int:
        """One past the last byte of the arena, and what is behind, that is written."""
        return max(self._touched(engine, image, fill) for fill in (0xA5, 0x5A, 0x3C))

    def _touched(self, engine: str, image: np.ndarray, fill: int) -> int:
        arena, logits = self.arena(engine, fill), self.outputs(engine, 1)
        self.call(f"{engine}_run", arena, self.inputs(image), logits)
        return int(np.flatnonzero(arena != fill).max(initial=-1)) + 1

    @staticmethod
    def plan_of(component: Path) -> Plan:
        """The plan beside a component's C."""
        return load_plan(component / "plan.json")

    def trace(self, engine: str, image: np.ndarray) -> list[np.ndarray]:
        """Every stage's output as the hook sees it, in the plan's shapes."""
        seen = {stage.number: bytearray() for stage in self.plan.engine(engine)}

        def record(_: int, stage: int, data: int, count: int) -> None:
            seen[stage] += ctypes.string_at(data, count)

        arena, logits = self.arena(engine), self.outputs(engine, 1)
        arguments = (arena, self.inputs(image), logits, HOOK(record), None)
        self.call(f"{engine}_run_traced", *arguments)
        return [
            np.frombuffer(seen[s.number], KINDS[s.representation]).reshape(s.shape)
            for s in self.plan.engine(engine)
        ]
