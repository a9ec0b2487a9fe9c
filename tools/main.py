"""`esp8k`: every verb of the toolchain, from any folder.

    esp8k train --model v2
    esp8k classify --help

A verb's module is imported when it is asked for, and no other: `esp8k --help` answers
at once, torch and TensorFlow load where they work.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from importlib import import_module

from core.errors import Esp8kError
from core.program import run


@dataclass(frozen=True)
class Verb:
    """One command: the module whose `main(argv)` it is, and one line about it."""

    module: str
    text: str
    takes: str = "seconds"  # on two cores, about; empty: until it is ended

    def main(self) -> Callable[[Sequence[str] | None], int | None]:
        """Import the module."""
        found: Callable[[Sequence[str] | None], int | None]
        found = import_module(self.module).main
        return found


PIPELINE = {
    "train": Verb("training.train", "train a model, write its checkpoint", "2 minutes"),
    "export": Verb(
        "export.__main__", "quantize, convert, generate C, check it all", "1 minute"
    ),
    "build": Verb("tools.boards.build", "compile the firmware"),
    "flash": Verb("tools.boards.flash", "compile the firmware, write it to a board"),
    "classify": Verb("tools.classify.classify", "one digit on a board"),
    "report": Verb(
        "tools.report.report", "all test images: host against device", "1-25 minutes"
    ),
    "bisect": Verb("tools.bisect", "where a board parts from the host"),
    "test-board": Verb(
        "tools.boards.on_board", "hardware in the loop, on a board", "a minute"
    ),
    "draw": Verb("tools.web.draw", "draw digits in a web page for a board", ""),
    "web": Verb("tools.web.build", "that page as a folder for any web server"),
}
YOURS = {
    "analyze": Verb("export.analyze", "what your own model would take"),
    "compile": Verb("export.compile", "your own model as C"),
    "own": Verb(
        "training.own", "go on from the shipped weights with own digits", "15 seconds"
    ),
    "image": Verb("core.picture.image", "a picture as the network sees it"),
    "check-pictures": Verb(
        "tools.classify.check_pictures", "pictures read rightly", "minutes"
    ),
    "doctor": Verb("tools.doctor.doctor", "boards, tools, and what is wrong"),
    "mlperf-data": Verb("tools.mlperf_data", "the folder MLPerf's runner wants"),
}
STUDIES = {
    "seeds": Verb(
        "training.studies.seeds", "many seeds: mean, spread, interval", "2 minutes each"
    ),
    "sweep": Verb("training.studies.sweep", "search recipes on Ray Tune", "hours"),
    "search": Verb(
        "training.studies.search", "try one architecture or recipe", "minutes"
    ),
    "less-data": Verb("training.studies.lessdata", "train on fewer images", "hours"),
    "hand": Verb(
        "training.studies.hand", "draw what own digits teach a model", "minutes"
    ),
    "compare": Verb("training.studies.compare", "draw ours beside published nets"),
    "tables": Verb("training.studies.tables", "rewrite training/README.md's tables"),
    "teacher": Verb("training.teacher", "train v3's teacher again", "minutes"),
    "evaluate": Verb("training.evaluate", "a checkpoint's test accuracy"),
    "confidence": Verb("training.confidence", "what a probability is worth", "minutes"),
    "doubt": Verb(
        "training.doubt.decision",
        "sure, unsure, no digit: fit it, its figures",
        "minutes",
    ),
    "models": Verb("training.models", "parameters and MACs of each network"),
    "data": Verb("training.data", "sizes and hash of a data set"),
}
FIGURES = {
    "bench": Verb(
        "tools.bench.bench", "instructions and bytes beside every rival", "minutes"
    ),
    "bench-train": Verb(
        "training.studies.bench", "training speed against stock", "minutes"
    ),
    "read-frames": Verb(
        "tools.bench.read_frames", "frames that are read rightly", "a minute"
    ),
    "prepare": Verb(
        "tools.bench.prepare", "a frame to 28x28: its bits, its cost", "a minute"
    ),
    "budget": Verb("tools.bench.budget", "our figures, committed", "minutes"),
    "profiler": Verb("tools.bench.profiler", "count one engine of a component"),
    "fit-cost": Verb(
        "tools.bench.fit_cost", "weights of the cost model anew", "half an hour"
    ),
    "kills": Verb(
        "tools.faults.kills", "commands killed at every change to a file", "hours"
    ),
    "chaos": Verb("tools.faults.chaos", "requests over a damaged line", "4 minutes"),
    "fuzz": Verb(
        "tools.faults.fuzz", "libFuzzer over the device's parsers", "as asked"
    ),
    "soak": Verb(
        "tools.soak.soak", "everything at once, against a model of the link", "as asked"
    ),
}
PARTS = {
    "footprint": Verb("tools.boards.footprint", "flash and RAM of a firmware.elf"),
    "stack-depth": Verb("tools.boards.stack_depth", "deepest stack of a firmware"),
    "virtual-board": Verb(
        "tools.boards.virtual_board", "start a board, say its port", ""
    ),
    "merge": Verb("tools.boards.merge", "an ESP-IDF build as one file for the page"),
    "pio": Verb("tools.boards.pio", "compile with PlatformIO, offline", "minutes"),
    "proxy": Verb("tools.faults.proxy", "a port that damages bytes", ""),
    "scenes": Verb("tools.classify.scenes", "draw pictures of digits by script"),
    "pictures": Verb("tools.report.pictures", "pictures of the docs", "a minute"),
    "film": Verb("tools.web.film", "the README's moving picture", "a minute"),
}
GROUPS = {
    "From a data set to a board": PIPELINE,
    "Your own": YOURS,
    "Training": STUDIES,
    "Figures": FIGURES,
    "Parts": PARTS,
}
VERBS = {name: verb for group in GROUPS.values() for name, verb in group.items()}


def help_text() -> str:
    """Every verb with its line, and how long it takes where that is no moment."""
    lines = ["usage: esp8k VERB [OPTIONS]      (esp8k VERB --help tells the options)"]
    for title, group in GROUPS.items():
        lines += ["", f"{title}:"]
        lines += [
            f"  {name:<14} {verb.text:<48} {verb.takes}".rstrip()
            for name, verb in group.items()
        ]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int | None:
    """Hand the rest of the words to the verb."""
    name, *rest = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("-h", "--help", "help"):
        print(help_text())
        return 0
    if name not in VERBS:
        close = get_close_matches(name, VERBS, 1)
        meant = f"did you mean {close[0]}? " if close else ""
        raise Esp8kError(f"there is no verb {name!r}", f"{meant}see esp8k --help")
    return VERBS[name].main()(rest)


def program() -> None:
    """What the entry point `esp8k` calls."""
    run(partial(main, None))


if __name__ == "__main__":
    program()
