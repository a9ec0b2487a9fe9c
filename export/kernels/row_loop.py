"""Lines of C that run a chain of stages row by row (`export.plan.row_chain`)."""

from abc import ABC, abstractmethod

from export.kernels.c_text import indented, total
from export.plan.row_chain import Chain, Node, Read, Rows


class RowLoop(ABC):
    """The loop over all steps; an engine says what one step is."""

    chain: Chain

    @abstractmethod
    def name(self, number: int) -> str:
        """Of a stage."""

    @abstractmethod
    def memory(self, tensor: int) -> str:
        """C of where the rows of a value are kept."""

    @abstractmethod
    def step(self, node: Node) -> list[str]:
        """One step of a node, which counts itself."""

    def lines(self) -> list[str]:
        """Of the nodes that can run the last one does."""
        found = [self._declared(rows) for rows in self.chain.kept.values()]
        found += [f"int32_t {self.at(node)} = 0;" for node in self.chain.nodes]
        *others, last = self.chain.nodes
        found += ["", f"while ({self.at(last)} < {last.steps}) {{"]
        turn = "if"
        for node in (last, *reversed(others)):
            ready = self._ready(node)
            if node is not last:
                ready.insert(0, f"{self.at(node)} < {node.steps}")
            head = f"{turn} ({' && '.join(ready)}) {{"
            found += indented([head, *indented(self.step(node))])
            turn = "} else if"
            kept = self.chain.kept.get(node.output)
            if kept is not None and kept.bottom:
                found += indented(self._border(node, kept))
        return [*found, "    }", "}"]

    def at(self, node: Node) -> str:
        """The steps that a node has done."""
        return f"at_{self.name(node.members[-1])}"

    def rows(self, tensor: int) -> str:
        """The rows that are kept of a value."""
        return f"rows_{self.name(self.chain.kept[tensor].writer)}"

    def next(self, kept: Rows, count: int) -> str:
        """Room for so many rows more."""
        wanted = ""
        for node, read in self.chain.readers(kept.tensor):
            one = total((self.at(node), read.advance), read.start)
            wanted = f"nn_min({wanted}, {one})" if wanted else one
        return (
            f"nn_rows_next(&{self.rows(kept.tensor)}, {count}, {kept.room}, {wanted})"
        )

    def place(self, node: Node, read: Read, more: str | int = 0) -> str:
        """Where a step reads; `more` rows further down."""
        row = total((self.at(node), read.advance), read.start, more)
        return total(f"nn_rows_row(&{self.rows(read.tensor)}, {row})", read.column)

    def _ready(self, node: Node) -> list[str]:
        """What has to be true before a step: what it reads is there, and it is due."""
        there = [
            f"{self.rows(read.tensor)}.made >= {self._end(node, read)}"
            for read in node.reads
        ]
        if node.waits:
            made = f"{self.rows(node.output)}.made"
            due = [
                f"{made} < {self._end(reader, read)}"
                for reader, read in self.chain.readers(node.output)
            ]
            there += due if len(due) == 1 else [f"({' || '.join(due)})"]
        return there

    def _end(self, node: Node, read: Read) -> str:
        """The row behind the last that a step reads."""
        return total((self.at(node), read.advance), read.start + read.need)

    def _declared(self, rows: Rows) -> str:
        sizes = f"{rows.width}, {rows.room}, {rows.top}, {rows.fill}"
        place = self.memory(rows.tensor)
        return f"nn_rows_t {self.rows(rows.tensor)} = nn_rows({place}, {sizes});"

    def _border(self, node: Node, kept: Rows) -> list[str]:
        """The rows below an image, once it is there and its readers want them."""
        rows, end = self.rows(kept.tensor), kept.top + node.rows * node.steps
        place, size = (
            self.next(kept, kept.bottom),
            kept.bottom * kept.width + kept.spill,
        )
        return [
            f"}} else if ({rows}.made == {end}) {{",
            f"    nn_words_fill({place}, {kept.fill}, {size});",
        ]
