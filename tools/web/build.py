"""The page as one static folder: `build/<model>/web/`, for any web server, offline.

    esp8k web --model v3          # or: make web MODEL=v3

In it: the model's own C as WebAssembly, both engines; the page; the test images; and,
where they were built, firmware images with a manifest that installers read. Nothing in
it is fetched from elsewhere, and nothing is sent anywhere.
"""

import gzip
import json
import shlex
import shutil
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core import family, files, manifest
from core.cli import parse
from core.errors import CheckFailed, Esp8kError
from core.paths import ROOT, model_dir
from core.probability import divisor
from core.program import run
from core.text import for_json
from core.words import DEFAULT_MODEL, ModelName
from export.emit.generate import flags
from tools.web import installer
from training.data import DATASETS, EMBEDDED, Data, of_exported

HERE = Path(__file__).parent
PAGE = HERE / "page"
PREPARE = ROOT / "firmware" / "components" / "prepare"
CLANG = "clang-19"
TARGET = ("--target=wasm32", "-ffreestanding", "-nostdlib", "-fno-builtin")
LINK = ("-fuse-ld=lld", "-fvisibility=hidden", "-Wl,--no-entry", "-Wl,--export-dynamic")
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
IMAGES_MAGIC, LABELS_MAGIC = 0x0803, 0x0801  # of IDX: bytes, in 3 and 1 dimensions
LEVEL = 6  # of gzip: the highest takes thrice as long for a hundredth
COMPILE_TIMEOUT_S = 120


@dataclass(frozen=True)
class Page:
    """What the page must know of a model; `about.json`."""

    model: str
    weights: str  # 16 hex digits
    classes: tuple[str, ...]  # names, in the order of the logits
    temperature: float  # what divides the logits for calibrated shares
    output: dict[str, float]  # scale and zero point of int8 logits
    socket: str | None = None  # where a program serves a board's line
    evidence: str = ""  # of that board


def build(model: str) -> Path:
    """Make the folder; replaces what an earlier build left there."""
    exported = model_dir(model)
    about = describe(exported)
    folder = exported / "web"
    with files.staged(folder, last="index.html") as fresh:
        for file in PAGE.iterdir():  # copytree's errors have no number, so no cure
            shutil.copyfile(file, fresh / file.name)
        compile_wasm(exported / "component", fresh / "model.wasm")
        files.write_json(fresh / "about.json", about.__dict__)
        bring_test_images(exported, fresh)
        installer.add(exported, fresh)
    return folder


def bring_test_images(exported: Path, folder: Path) -> None:
    """Those of the model's own data; MNIST's are copied as the project has them.

    A server that builds the page need not hold 70,000 images for that.
    """
    dataset = str(manifest.read(exported).config.get("dataset", "mnist"))
    raw = EMBEDDED / DATASETS.get(dataset, dataset) / "raw"
    if dataset not in DATASETS or not (raw / TEST_IMAGES).exists():
        add_test_images(of_exported(exported), folder)
        return
    shutil.copyfile(raw / TEST_IMAGES, folder / "test-images.gz")
    shutil.copyfile(raw / TEST_LABELS, folder / "test-labels.gz")


def add_test_images(data: Data, folder: Path) -> None:
    """The test set that the model is judged on, packed IDX files as MNIST's are."""
    images, labels = data.test_images, data.test_labels
    headed = {
        "test-images.gz": struct.pack(">4I", IMAGES_MAGIC, *images.shape)
        + bytes(images),
        "test-labels.gz": struct.pack(">2I", LABELS_MAGIC, len(labels)) + bytes(labels),
    }
    for name, content in headed.items():
        (folder / name).write_bytes(gzip.compress(content, LEVEL, mtime=0))


def describe(exported: Path) -> Page:
    """What `build/<model>/model.json` says that the page needs."""
    told = manifest.read(exported)
    return Page(
        model=told.model,
        weights=told.weights_hash[:16],
        classes=told.classes,
        temperature=divisor(told.temperature),
        output={"scale": told.output.scale, "zero_point": told.output.zero_point},
    )


def compile_wasm(component: Path, target: Path) -> None:
    """The generated C and the page's few functions as one WebAssembly module."""
    if shutil.which(CLANG) is None:
        raise Esp8kError(
            f"the page needs {CLANG} for WebAssembly",
            "sudo apt-get install clang-19 lld-19, or make setup",
        )
    sources = [HERE / "wasm.c", *sorted((component / "src").glob("*.c"))]
    sources += sorted(PREPARE.glob("*.c"))
    folders = (component / "include", component / "alias", component / "src", PREPARE)
    command = [CLANG, *TARGET, *flags("wasm"), *LINK, *deciding(component)]
    command += [f"-I{folder}" for folder in folders if folder.exists()]
    command += [*map(str, sources), "-o", str(target)]
    done = family.heard(command, COMPILE_TIMEOUT_S)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no output"]
        first = next((line for line in lines if "error" in line), lines[0])
        raise CheckFailed(f"the page's C does not compile: {first}", "report this")


def deciding(component: Path) -> list[str]:
    """Names of the decision in the component's C, where the model has a doubt."""
    found = sorted((component / "src").glob("*_decide.h"))
    if not found:
        return []
    prefix = found[0].stem.removesuffix("_decide")
    names = {"": "decide", "_F16": "decide_f16", "_ANSWER": "answer_t"}
    defined = [f"-DDECIDE{kind}={prefix}_{name}" for kind, name in names.items()]
    return ["-include", str(found[0]), *defined]


@dataclass(frozen=True)
class Config:
    """Options of `esp8k web`."""

    model: ModelName = DEFAULT_MODEL  # whose page
    json: bool = False  # print the result as JSON


def main(argv: Sequence[str] | None = None) -> int:
    """Build the page and say where it is."""
    config = parse(Config, argv, "web", __doc__ or "")
    folder = build(config.model)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if config.json:
        installs = json.loads((folder / "manifest.json").read_text())
        chips = [build["chipFamily"] for build in installs["builds"]]
        told = {"folder": str(folder), "bytes": size, "installs": chips}
        print(for_json(told))
        return 0
    print(f"{folder}: {size / 1e6:.1f} MB")
    server = "python3 -m http.server 8000 -b 127.0.0.1"
    print(f"look at it: {server} -d {shlex.quote(str(folder))}")
    return 0


if __name__ == "__main__":
    run(main)
