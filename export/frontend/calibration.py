"""Inputs that somebody gives to find the ranges of a float model, or to check one.

    inputs = read(path, shape)    # (N, *shape without the batch) float32
    several = read_all(path, wanted)  # one such array for each input of the model

`path` is an .npz (its first array), an .npy, a .csv (one input a line), or a folder
of images or of .csv files. Of a model with several inputs an .npz holds one array for
each, by its name or in its order; the others hold them one behind another. What cannot
be right is named: another shape, values that are not finite, inputs that are all alike.
"""

import csv
import io
import math
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from core.errors import Esp8kError
from core.inputs import read_bytes
from core.text import one_line
from export.frontend.taken import Wanted

FILE_BYTES = 1 << 30  # of calibration data, compressed or not
FILES = 10_000  # in a folder
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".webp")
HINT = (
    "give an .npz or .npy of the shape (N, {shape}), a .csv of {size} numbers a line, "
    "or a folder of images or .csv files"
)


def read(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Inputs (N, *shape[1:]) float32; `shape` begins with the batch of 1."""
    body = shape[1:]
    if path.is_dir():
        inputs = _folder(path, body)
    elif path.suffix == ".npz":
        inputs = _npz(path, body)
    elif path.suffix == ".npy":
        raw = read_bytes(path, FILE_BYTES, "an .npy")
        inputs = _shaped(path, _array(path, raw, body), body)
    elif path.suffix in (".csv", ".txt"):
        inputs = _csv(path, body)
    else:
        raise Esp8kError(f"{path} holds no inputs that are known", _hint(body))
    check(path, inputs)
    return inputs


def read_all(path: Path, wanted: tuple[Wanted, ...]) -> tuple[np.ndarray, ...]:
    """One array (N, ...) float32 for each input, all of the same N."""
    if len(wanted) == 1:
        return (read(path, wanted[0].shape),)
    if path.suffix != ".npz":
        sizes = [math.prod(one.shape) for one in wanted]
        whole = read(path, (1, sum(sizes)))
        parts = np.split(whole, np.cumsum(sizes)[:-1], axis=1)
        return tuple(
            p.reshape(-1, *w.shape[1:]) for p, w in zip(parts, wanted, strict=True)
        )
    raw = _members(path, wanted[0].shape[1:])
    names = [bare(one.name) for one in wanted]
    by_name = {bare(name): content for name, content in raw.items()}
    if by_name.keys() >= set(names):
        contents = [by_name[name] for name in names]
    elif len(raw) == len(wanted):
        contents = list(raw.values())
    else:
        raise Esp8kError(
            f"{path} holds {', '.join(map(one_line, raw))}; the model has the inputs "
            + ", ".join(names),
            f"numpy.savez({path.name!r}, {', '.join(f'{n}=...' for n in names)})",
        )
    found = []
    for one, content in zip(wanted, contents, strict=True):
        body = one.shape[1:]
        found.append(_shaped(path, _array(path, content, body), body))
        check(path, found[-1])
    if len({len(array) for array in found}) > 1:
        counts = ", ".join(
            f"{len(a)} of {n}" for a, n in zip(found, names, strict=True)
        )
        raise Esp8kError(f"{path} holds {counts}", "give as many of each input")
    return tuple(found)


def bare(name: str) -> str:
    """An input's name without what a converter puts around it."""
    return one_line(name).removeprefix("serving_default_").partition(":")[0]


def check(path: Path, inputs: np.ndarray) -> None:
    """Refuse data that no range can be found from."""
    if len(inputs) == 0:
        raise Esp8kError(f"{path} holds no inputs", "give some hundred typical ones")
    wrong = int((~np.isfinite(inputs)).sum())
    if wrong:
        what = f"{path} holds {wrong:,} values that are NaN or infinite"
        raise Esp8kError(what, "leave those inputs out")
    if inputs.min() == inputs.max():
        raise Esp8kError(
            f"all values of {path} are {inputs.flat[0]:g}",
            "give some hundred typical inputs, scaled as in training",
        )


def _hint(body: tuple[int, ...]) -> str:
    return HINT.format(shape=", ".join(map(str, body)), size=math.prod(body))


# ==== Arrays ====


def _npz(path: Path, body: tuple[int, ...]) -> np.ndarray:
    first = next(iter(_members(path, body, 1).values()))
    return _shaped(path, _array(path, first, body), body)


def _members(
    path: Path, body: tuple[int, ...], most: int | None = None
) -> dict[str, bytes]:
    """The arrays of an .npz, unread, by name: the first `most` of them."""
    raw = read_bytes(path, FILE_BYTES, "an .npz")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = [m for m in archive.infolist() if m.filename.endswith(".npy")]
            if not members:
                raise Esp8kError(f"{path} holds no array", _hint(body))
            size = sum(m.file_size for m in members[:most])
            if size > FILE_BYTES:
                raise Esp8kError(f"{path} unpacks to {size:,} bytes", "give less")
            found = {}
            for member in members[:most]:
                with archive.open(member) as file:
                    name = member.filename.removesuffix(".npy")
                    found[name] = file.read(FILE_BYTES + 1)
            return found
    except Esp8kError:
        raise
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise Esp8kError(f"{path} is not an .npz: {error}", _hint(body)) from error
    except Exception as error:  # zlib, lzma and bz2 have errors of their own
        raise Esp8kError(f"{path} is damaged: {error}", _hint(body)) from error


def _array(path: Path, raw: bytes, body: tuple[int, ...]) -> np.ndarray:
    """An .npy's array; its header is held to the bytes that are there."""
    file = io.BytesIO(raw)
    try:
        version = npy.read_magic(file)
        head = npy.read_array_header_1_0 if version == (1, 0) else _header_2
        shape, columns, dtype = head(file)
    except (ValueError, TypeError, EOFError, SyntaxError, RecursionError) as error:
        raise Esp8kError(f"{path} is not a numpy array", _hint(body)) from error
    if dtype.kind not in "fiub":
        raise Esp8kError(
            f"{path} holds values of type {one_line(str(dtype))}, not numbers",
            _hint(body),
        )
    left = len(raw) - file.tell()
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != left:
        raise Esp8kError(
            f"{path} is damaged: its header says {shape} {dtype}, "
            f"{left:,} bytes follow",
            "write it again with numpy.save or numpy.savez",
        )
    flat = np.frombuffer(raw, dtype, offset=file.tell())
    return flat.reshape(shape, order="F" if columns else "C").astype(np.float32)


def _header_2(file: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    return npy.read_array_header_2_0(file)


def _shaped(path: Path, data: np.ndarray, body: tuple[int, ...]) -> np.ndarray:
    """`data` as (N, *body); another order of the axes is named."""
    if data.shape[1:] == body:
        return data
    if data.shape == body:
        return data[None]
    found = data.shape[1:]
    lean = [s for s in body if s > 1]
    if [s for s in found if s > 1] == lean:  # axes of one element come and go
        return data.reshape(-1, *body)
    if len(found) == 1 and found[0] == math.prod(body):
        return data.reshape(-1, *body)
    wanted = f"(N, {', '.join(map(str, body))})"
    what = f"{path} has the shape {data.shape}, the model wants {wanted}"
    if sorted(found) == sorted(body):
        order = ", ".join(str(1 + found.index(s)) for s in body)
        raise Esp8kError(
            f"{what}: the axes are in another order",
            f"save numpy.transpose(inputs, (0, {order}))",
        )
    raise Esp8kError(what, _hint(body))


# ==== Text and pictures ====


def _csv(path: Path, body: tuple[int, ...]) -> np.ndarray:
    """One input a line, or one file an input; a line of titles is passed over."""
    text = read_bytes(path, FILE_BYTES, "a .csv").decode("utf-8", "replace")
    delimiter = ";" if text.count(";") > text.count(",") else ","
    if "," not in text and ";" not in text:
        delimiter = "\t" if "\t" in text else " "
    rows = []
    try:
        for number, line in enumerate(
            csv.reader(text.splitlines(), delimiter=delimiter)
        ):
            cells = [c for c in line if c.strip()]
            try:
                row = [float(c) for c in cells]
            except ValueError:
                if number == 0:
                    continue  # titles
                what = f"{path}, line {number + 1}: not all are numbers"
                raise Esp8kError(what, _hint(body)) from None
            if row:
                rows.append(row)
    except csv.Error as error:
        raise Esp8kError(f"{path} is not a .csv: {error}", _hint(body)) from error
    size = math.prod(body)
    widths = {len(r) for r in rows}
    if widths == {size}:
        return np.array(rows, np.float32).reshape(-1, *body)
    total = sum(map(len, rows))
    if len(widths) == 1 and total == size:  # a series, one sample a line
        return np.array(rows, np.float32).reshape(1, *body)
    if len(widths) > 1:
        what = (
            f"{path} is ragged: its lines have {min(widths)} to {max(widths)} numbers"
        )
    else:
        width = widths.pop() if widths else 0
        what = f"{path} has {len(rows)} lines of {width} numbers"
    raise Esp8kError(what, _hint(body))


def _folder(path: Path, body: tuple[int, ...]) -> np.ndarray:
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() in (*IMAGES, ".csv"))
    if not files:
        raise Esp8kError(f"{path} holds no images and no .csv files", _hint(body))
    if len(files) > FILES:
        raise Esp8kError(f"{path} holds {len(files):,} files", f"at most {FILES:,}")
    parts = [
        _csv(p, body) if p.suffix.lower() == ".csv" else _image(p, body) for p in files
    ]
    return np.concatenate(parts)


def _image(path: Path, body: tuple[int, ...]) -> np.ndarray:
    """A picture as (1, *body): upright, resized, grey or RGB, values in 0..1."""
    from core.picture.opening import open_picture

    if len(body) != 3 or not {1, 3} & {body[0], body[2]}:
        shape = ", ".join(map(str, body))
        raise Esp8kError(f"the model wants ({shape}): no image", "give an .npz")
    last = body[2] in (1, 3)
    height, width, channels = body if last else (body[1], body[2], body[0])
    try:
        drawn = open_picture(path).convert("L" if channels == 1 else "RGB")
    except Esp8kError as error:
        raise Esp8kError(error.message, "mend it, or leave it out") from error
    if drawn.size != (width, height):
        drawn = drawn.resize((width, height))
    pixels = np.asarray(drawn, np.float32) / 255
    pixels = pixels.reshape(height, width, channels)
    return (pixels if last else pixels.transpose(2, 0, 1))[None]
