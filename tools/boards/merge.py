"""An ESP-IDF build folder as one file from address 0, for installers in a browser.

    idf.py -C firmware -B build/idf-esp32s3 -DIDF_TARGET=esp32s3 build
    esp8k merge build/idf-esp32s3 --model v3
    esp8k web --model v3              # the page can now install it

Reads the flasher_args.json that every ESP-IDF build leaves: which file goes where, for
which chip. Writes build/<model>/<board>/merged.bin, of the chip's first board. Builds
in firmware/, by `idf.py` or PlatformIO (`make build BOARD=...`), need no such step:
this is for a project of your own, or a build folder from elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.cli import Positional, parse
from core.errors import Esp8kError
from core.files import check_writable
from core.manifest import json_object
from core.paths import model_dir
from core.program import run
from core.text import for_json
from core.words import DEFAULT_MODEL, ModelName
from tools.boards import catalogue, flash


@dataclass(frozen=True)
class Config:
    """Options of `esp8k merge`."""

    build: Positional[Path]  # the folder that idf.py -B was given
    model: ModelName = DEFAULT_MODEL  # whose component was compiled in
    json: bool = False  # print the result as JSON


@dataclass(frozen=True)
class Layout:
    """What goes where into the flash of which chip."""

    chip: str
    parts: dict[int, Path]


def layout(build: Path) -> Layout:
    """What `build` says of itself; an Esp8kError where it is no finished build."""
    path = build / "flasher_args.json"
    if not path.exists():
        cure = "build with ESP-IDF first: idf.py build"
        raise Esp8kError(f"there is no {path}", cure)
    try:
        told = json_object(path)
        chip = str(told["extra_esptool_args"]["chip"])
        files = {int(at, 0): build / name for at, name in told["flash_files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Esp8kError(
            f"{path} is damaged ({error})", "build anew: idf.py fullclean build"
        ) from None
    missing = [str(file) for file in files.values() if not file.is_file()]
    if missing or not files:
        raise Esp8kError(f"not built: {', '.join(missing) or build}", "idf.py build")
    return Layout(chip, files)


def main(argv: Sequence[str] | None = None) -> int:
    """Merge, and say where it is."""
    config = parse(Config, argv, "merge", __doc__ or "")
    found = layout(config.build)
    kind = catalogue.by_chip(found.chip, native=False)
    if kind is None:
        raise Esp8kError(f"no board of ours has a {found.chip}", "see docs/how-to")
    folder = model_dir(config.model) / kind.name
    check_writable(folder)
    target = folder / "merged.bin"
    flash.merge(found.parts, found.chip, target)
    size = target.stat().st_size
    if config.json:
        told = {"chip": found.chip, "file": str(target), "bytes": size}
        print(for_json(told))
    else:
        print(f"{target}: {size:,} bytes, for {found.chip}, from address 0")
    return 0


if __name__ == "__main__":
    run(main)
