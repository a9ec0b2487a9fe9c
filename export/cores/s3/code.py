"""A function in assembly while it is written.

    code = Code("conv1")
    code("movi a8,15")
    code.add("a2", 400)
    text = code.end()

Every instruction must be one of `export.assembly.pie`, whose length it has.
"""

from export.assembly.pie import PIE
from export.cores.s3.apart import apart

FRAME = 48
NEAR = 1_900  # bytes that a branch on zero reaches for certain


class Code:
    """Lines of one function; registers are the caller's affair."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lines = [f'    .section .text.{name},"ax"', "    .literal_position"]
        self._lines += ["    .align 4", f"    .global {name}", f"{name}:"]
        self._labels: dict[str, int] = {}
        self.bytes = 0
        self(f"entry a1,{FRAME}")

    def __call__(self, *lines: str) -> None:
        """Add instructions."""
        for line in lines:
            self.bytes += PIE.table[line.split(" ", 1)[0]].size
            self._lines.append(f"    {line}")

    def note(self, comment: str) -> None:
        """A comment above what follows."""
        self._lines.append(f"    /* {comment} */")

    def label(self, stem: str) -> str:
        """A new label, here."""
        name = self.ahead(stem)
        self.put(name)
        return name

    def ahead(self, stem: str) -> str:
        """The name of a label that `put` will place."""
        name = f".L{self.name}_{stem}{len(self._labels)}"
        self._labels[name] = -1
        return name

    def put(self, name: str) -> None:
        """Place a label that has been named."""
        self._labels[name] = self.bytes
        self._lines.append(f"{name}:")

    def again(self, counter: str, label: str) -> None:
        """Count down and go back unless done."""
        self(f"addi {counter},{counter},-1")
        if self.bytes - self._labels[label] < NEAR:
            self(f"bnez {counter},{label}")
            return
        done = self.ahead("done")
        self(f"beqz {counter},{done}", f"j {label}")
        self.put(done)

    def add(
        self, register: str, delta: int, source: str = "", temp: str = "a7"
    ) -> None:
        """register = source (itself) + delta in as few instructions as there are."""
        source = source or register
        if delta == 0:
            if source != register:
                self(f"mov {register},{source}")
        elif -128 <= delta <= 127:
            self(f"addi {register},{source},{delta}")
        elif delta % 256 == 0 and -32768 <= delta <= 32512:
            self(f"addmi {register},{source},{delta}")
        elif -32768 - 128 <= delta <= 32512 + 127:
            small = (delta + 128) % 256 - 128
            self(f"addmi {register},{source},{delta - small}")
            self(f"addi {register},{register},{small}")
        else:
            self(f"movi {temp},{delta}", f"add {register},{source},{temp}")

    def step(
        self, mnemonic: str, register: str, pointer: str, by: int, sources: str = ""
    ) -> None:
        """A load or store of a vector that moves its pointer by any distance.

        `sources`: the operands of what it computes beside, if anything.
        """
        fits = -2048 <= by <= 2032 and by % 16 == 0
        if "64" in mnemonic:
            fits = -1024 <= by <= 1016 and by % 8 == 0
        self(f"{mnemonic} {register},{pointer},{by if fits else 0}{sources}")
        if not fits:
            self.add(pointer, by)

    def end(self) -> str:
        """The whole text, its instructions set apart."""
        self("retw.n")
        return "\n".join(apart(self._lines)) + "\n"
