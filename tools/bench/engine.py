"""One engine of a generated component: built for a target, its stages by name.

    engine = GeneratedEngine.of(component, plan, "int8")
    built = engine.build("lx106", images, folder)
    per_stage = engine.per_stage(count(built, images, stages=True))

The options are those of `firmware/components/nn/flags.json`, as the firmware has them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.emit.generate import Plan, flags
from tools.bench import build, models
from tools.bench.build import Built, Program
from tools.bench.count import Counted
from tools.bench.targets import TARGETS


@dataclass(frozen=True)
class GeneratedEngine:
    """What is compiled of a component, and the plan that names its stages."""

    name: str  # int8 | f16
    plan: Plan
    program: Program

    @staticmethod
    def of(component: Path, plan: Plan, name: str) -> "GeneratedEngine":
        """The engine `name` of the C in `component`, whose plan this is."""
        return GeneratedEngine(name, plan, models.program(component, plan, name))

    def build(
        self,
        target: str,
        images: np.ndarray,
        folder: Path,
        stages: bool = True,
        extra: tuple[str, ...] = (),
        compiler: tuple[str, ...] = (),
    ) -> Built:
        """Compile and link below `folder`; `images` (N, bytes) uint8 go on board.

        `extra` options come last; `compiler` compiles the model in gcc's place.
        """
        # flags.json has gcc's options of a family; another compiler gets those of all.
        family = "other" if compiler else TARGETS[target].family
        options = [*flags(family), *extra]
        return build.build(
            self.program, target, options, images, folder, stages, compiler
        )

    def per_stage(self, counted: Counted) -> dict[str, int]:
        """Instructions by the stage's name, in the order of the stages."""
        names = {stage.number: stage.name for stage in self.plan.engine(self.name)}
        return {
            names.get(number, str(number)): part
            for number, part in sorted(counted.per_stage.items())
        }
