"""A command line built from one frozen dataclass.

Every stage's configuration is a dataclass whose fields carry a help text:

    @dataclass(frozen=True)
    class Config:
        epochs: int = option(5, "passes over the training images")

`parse(Config, argv)` gives `--epochs 5`, kebab-case, defaults in `--help`. A bool
field becomes `--flag / --no-flag`; a `tuple[...]` or `list` takes several values.
"""

import argparse
import dataclasses
import types
import typing
from collections.abc import Sequence
from typing import Any, TypeVar

from core.errors import EXIT_USAGE, Esp8kError

C = TypeVar("C")


def option(default: Any, text: str, choices: Sequence[Any] | None = None) -> Any:
    """A dataclass field with a default, a help text and, if given, fixed choices."""
    return dataclasses.field(default=default, metadata={"help": text, "of": choices})


class Parser(argparse.ArgumentParser):
    """argparse, but a mistake is an `Esp8kError` like every other one."""

    def error(self, message: str) -> typing.NoReturn:
        raise Esp8kError(message, f"see {self.prog} --help", EXIT_USAGE)


def parse(config: type[C], argv: Sequence[str] | None, prog: str, text: str = "") -> C:
    """Read `argv` into an instance of the dataclass `config`."""
    parser = Parser(
        prog=f"python -m {prog}",
        description=text,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    hints = typing.get_type_hints(config)
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        _add(parser, field, hints[field.name])
    return config(**vars(parser.parse_args(argv)))


def _add(parser: Parser, field: dataclasses.Field, hint: Any) -> None:
    flag = "--" + field.name.replace("_", "-")
    required = field.default is dataclasses.MISSING
    common: dict[str, Any] = {
        "dest": field.name,
        "help": field.metadata.get("help", " "),
        **({"required": True} if required else {"default": field.default}),
    }
    kind = _plain(hint)
    if kind is bool:
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, **common)
    elif typing.get_origin(kind) in (tuple, list):
        inner = typing.get_args(kind)[0]
        parser.add_argument(flag, nargs="*", type=inner, **common)
    else:
        parser.add_argument(flag, type=kind, choices=field.metadata.get("of"), **common)


def _plain(hint: Any) -> Any:
    """`int | None` is `int` on the command line: absence says None."""
    if isinstance(hint, types.UnionType):
        return next(t for t in typing.get_args(hint) if t is not type(None))
    return hint
