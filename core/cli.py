"""A command line built by tyro from one frozen dataclass.

Every stage's configuration is a dataclass whose fields carry a comment:

    @dataclass(frozen=True)
    class Config:
        epochs: int = 5  # passes over the training images

`parse(Config, argv, "train", __doc__)` gives `--epochs 5`, kebab-case, and a help
with the comments, the defaults and the lines of the examples as they stand. A bool
field becomes `--flag`, or `--no-flag` where it is on by default; a `tuple[...]` takes
several values; a `Literal` lists its words; `Positional[Path]` stands without a flag;
`Annotated[Path, arg(aliases=["-o"])]` has a letter as well, or `metavar` in the help.
An alias of more than a letter is a former name: it is taken, and told nowhere.
"""

import contextlib
import dataclasses
import io
import os
import re
import shutil
import sys
import textwrap
import types
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import partial
from typing import (
    Any,
    NoReturn,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import tyro
from tyro import _errors as events  # documented; the pin in pyproject.toml is exact
from tyro.conf import FlagCreatePairsOff, Positional, arg
from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveConstructorSpec,
    PrimitiveTypeInfo,
    UnsupportedTypeAnnotationError,
)

from core.errors import Esp8kError

C = TypeVar("C")
WIDTH = 79  # columns of a text in a help
SEEDS = (0, 2**32 - 1)  # bounds of a seed, for `require_range`
THREADS = (1, 256)  # of torch, likewise: it ends the program at many thousands
_BARE = get_args(Positional[str])[1]  # the mark of what stands without a flag
OPTION = re.compile(r"--.|-[a-zA-Z]$")  # how one is written; -1 is a number
# What absence means where no value stands for it: the comment says that, or nothing.
_NO_VALUE = re.compile(r"\s+\(default:\s+(?:none|False|'')\)")
_ON = re.compile(r"\(default:(\s+)True\)")  # beside a flag that says no
LEAST_COLUMNS = 40  # tyro lays a table out for ever in a terminal of one column
__all__ = ["SEEDS", "THREADS", "Positional", "arg", "parse", "require_range"]


def parse(
    config: type[C],
    argv: Sequence[str] | None,
    verb: str,
    text: str = "",
    program: str = "esp8k",
) -> C:
    """Read `argv` into an instance of the dataclass `config`.

    Raises `Esp8kError` for whatever does not fit; `--help` prints `text` and leaves.
    What is no verb of `esp8k` is run as `program` says: "python -m".
    """
    called = f"{program} {verb}"
    words = list(sys.argv[1:] if argv is None else argv)
    if not {"-h", "--help"}.isdisjoint(words):
        _show_help(config, called, text)
    with events.on_parse_error(partial(_refuse, config, words)):
        return _cli(config, words, called)


def require_range(config: object, **bounds: tuple[float, float]) -> None:
    """Refuse an option that is not within (least, most); NaN is within nothing.

    What is None was not given.
    """
    for name, (least, most) in bounds.items():
        value = getattr(config, name)
        if value is not None and not least <= value <= most:
            told = f"--{name.replace('_', '-')} {value} is out of range"
            raise Esp8kError(told, f"give {least:,} to {most:,}")


def _cli(config: type[C], words: Sequence[str], called: str) -> C:
    return tyro.cli(
        config,
        args=words,
        prog=called,
        config=(FlagCreatePairsOff,),
        registry=_registry(),
    )


def _show_help(config: type[Any], called: str, text: str) -> NoReturn:
    """The text of the stage, then tyro's table of options; leaves."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        with _wide_enough():
            _cli(config, ["--help"], called)
    usage, _, options = shown.getvalue().partition("\n")
    parts = [laid_out(text)] if text else []
    print("\n\n".join([*parts, _filled(usage, " " * 7)]))
    options = _without_former(config, options)
    options = _ON.sub(r"(else:\1yes)", _NO_VALUE.sub("", options))
    print("\n".join(line.rstrip() for line in options.splitlines()))
    raise SystemExit(0)


@contextlib.contextmanager
def _wide_enough() -> Iterator[None]:
    """A terminal of LEAST_COLUMNS at least, for a while."""
    before = os.environ.get("COLUMNS")
    columns = max(LEAST_COLUMNS, shutil.get_terminal_size().columns)
    os.environ["COLUMNS"] = str(columns)
    try:
        yield
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before


def laid_out(text: str) -> str:
    """A docstring for 80 columns: paragraphs filled, examples as they stand."""
    blocks = text.strip().split("\n\n")
    return "\n\n".join(
        block if "\n " in f"\n{block}" else _filled(block) for block in blocks
    )


def _filled(paragraph: str, indent: str = "") -> str:
    return textwrap.fill(
        paragraph,
        WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _refuse(
    config: type[Any], words: Sequence[str], event: events.ParseErrorEvent
) -> NoReturn:
    """A mistake on the command line is an `Esp8kError` like every other one.

    An option that is unknown comes first: it is why another seems to be missing.
    """
    options, places = _options(config)
    written = [word.partition("=")[0].replace("_", "-") for word in words]
    unknown = [w for w in written if OPTION.match(w) and w not in options]
    told = _without_former(config, _told(event))
    wrong = unknown[0] if unknown else ""
    if isinstance(event, events.UnrecognizedArgs):
        wrong = event.tokens[0].partition("=")[0]
    elif unknown:
        told = f"there is no option {wrong}"
    hint = f"see {event.prog} --help"
    if wrong in places:
        hint = f"{wrong[2:].upper()} stands without {wrong}: {hint}"
    elif meant := get_close_matches(wrong, set(options) - _former(config), 1, 0.8):
        hint = f"did you mean {meant[0]}? {hint}"
    raise Esp8kError(told, hint)


def _options(config: type[Any]) -> tuple[list[str], list[str]]:
    """What may be written, and what may not: the names of fields that stand bare.

    `--name` of each field, `--no-name` of what is on by default, and aliases.
    """
    options: list[str] = []
    places: list[str] = []
    hints = get_type_hints(config, include_extras=True)
    for field in dataclasses.fields(config):
        extras = getattr(hints[field.name], "__metadata__", ())
        no = "no-" if field.default is True else ""
        name = f"--{no}{field.name.replace('_', '-')}"
        (places if _BARE in extras else options).append(name)
    return [*options, *_aliases(config)], places


def _aliases(config: type[Any]) -> list[str]:
    """Of all fields, letters and former names."""
    hints = get_type_hints(config, include_extras=True)
    extras = [e for f in hints.values() for e in getattr(f, "__metadata__", ())]
    return [alias for e in extras for alias in getattr(e, "aliases", None) or ()]


def _former(config: type[Any]) -> set[str]:
    """The aliases that are no letters."""
    return {alias for alias in _aliases(config) if alias.startswith("--")}


def _without_former(config: type[Any], text: str) -> str:
    """A help's "-o PATH, --output PATH, --out PATH", or "-o/--output/--out"."""
    for name in _former(config):
        text = re.sub(rf"{name}(/|\s\S+,\s+)", "", text)
    return text


def _told(event: events.ParseErrorEvent) -> str:
    """What does not fit, in one line."""
    if isinstance(event, events.InvalidChoice):
        known = ", ".join(event.choices)
        name = event.argument.display_name()
        return f"{name}: {event.value!r} is none of {known}"
    if isinstance(event, events.UnrecognizedArgs):
        what = "option" if event.tokens[0].startswith("-") else "place for"
        return f"there is no {what} {' '.join(event.tokens)}"
    if isinstance(event, events.MissingArgs):
        names = (missing.arg.display_name() for missing in event.missing_arguments)
        return f"{' and '.join(names)} must be given"
    if isinstance(event, events.BadValue):
        return f"{event.argument.display_name()} wants a value"
    if isinstance(event, events.InstantiationFailure):
        return _misread(event)
    return "these options do not fit together"


def _misread(event: events.InstantiationFailure) -> str:
    """A word that is no number, a folder that is no path."""
    value = event.message.rpartition(": ")[2]
    if event.argument is None or value == event.message:
        return event.message
    wanted = event.argument.lowered.metavar or "another value"
    # Of thousands of digits Python says what a programmer could do.
    told = f", not {value}" if value.startswith(("'", '"')) else ""
    return f"{event.argument.display_name()} takes {wanted}{told}"


def _registry() -> ConstructorRegistry:
    """`int | None` is an `int` on the command line: absence says None."""
    registry = ConstructorRegistry()

    @registry.primitive_rule
    def optional(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
        inner = [kind for kind in get_args(info.type) if kind is not type(None)]
        union = get_origin(info.type) in (Union, types.UnionType)
        if not union or len(inner) != 1 or len(get_args(info.type)) != 2:
            return None
        found = ConstructorRegistry.get_primitive_spec(
            PrimitiveTypeInfo.make(inner[0], set())
        )
        if isinstance(found, UnsupportedTypeAnnotationError):
            return None
        return PrimitiveConstructorSpec(
            nargs=found.nargs,
            metavar=found.metavar,
            instance_from_str=found.instance_from_str,
            is_instance=lambda value: value is None or found.is_instance(value),
            str_from_instance=lambda value: (
                ["none"] if value is None else found.str_from_instance(value)
            ),
            choices=found.choices,
        )

    return registry
