"""C of a run of stages row by row (`export.cores.s3.rows`)."""

from dataclasses import dataclass

from export.cores.s3.kernel import Kernel
from export.cores.s3.places import Places
from export.cores.s3.rows import Part, Run, Step, reads
from export.kernels.c_text import total
from export.kernels.row_loop import RowLoop
from export.plan.row_chain import Chain, Node


@dataclass(frozen=True)
class Loop(RowLoop):
    """The loop of one run; `number`: of the unit."""

    places: Places
    run: Run
    number: int

    @property
    def chain(self) -> Chain:  # type: ignore[override]
        """As of RowLoop."""
        return self.run.chain

    def name(self, number: int) -> str:
        """As of RowLoop."""
        return self.places.engine.stages[number].name if number >= 0 else "image"

    def memory(self, tensor: int) -> str:
        """As of RowLoop."""
        return total("a", self.places.engine.memory.values[tensor])

    def step(self, node: Node) -> list[str]:
        """As of RowLoop."""
        place = self.chain.nodes.index(node)
        step, part = self.run.steps[place], self.run.parts[place]
        kept = self.chain.kept.get(node.output)
        to = f"to_{self.name(node.members[-1])}"
        if kept is None:
            row = self.places.engine.layouts[node.output].row
            at = total(self.places.of(node.output), (self.at(node), row))
        else:
            at = total(self.next(kept, node.rows), kept.left)
        found = [f"uint8_t *const {to} = {at};"]
        sources = self._sources(node, part, step)
        for call in step.calls:
            assert isinstance(call.kernel, Kernel)
            found.append(self.places.call(call.kernel, sources, to, self.number))
            sources = [to]  # what follows is in place
        if step.border is not None and kept is not None:
            assert isinstance(step.border.kernel, Kernel)
            start = total(to, -kept.left)
            fill = step.border.kernel
            found.append(self.places.call(fill, ["a"], start, self.number))
        found += self.places.hook(node.output, to, row=True)
        return [*found, f"++{self.at(node)};"]

    def _sources(self, node: Node, part: Part, step: Step) -> list[str]:
        """C of where a step reads: rows that are kept, or what is whole."""
        engine, at = self.places.engine, self.at(node)
        found = []
        first_call = step.calls[0]
        for i, tensor in enumerate(first_call.inputs):
            read = next((r for r in node.reads if r.tensor == tensor), None)
            if read is not None:
                found.append(self.place(node, read))
                continue
            first = self.places.at(tensor) + (0 if i else first_call.start)
            move = reads(part, tensor, engine.layouts).advance
            move *= engine.layouts[tensor].row
            found.append(total("a", first, (at, move)))
        if not found:
            layout = engine.layouts[node.output]
            found.append(total("input", (at, layout.width * layout.channels)))
        return found
