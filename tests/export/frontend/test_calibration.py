"""Inputs that somebody gives: every usual form is taken, what cannot be right named."""

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import Esp8kError
from export.frontend import calibration
from export.frontend.taken import Wanted

SHAPE = (1, 4, 6, 1)


TWO = (Wanted("serving_default_left:0", (1, 3)), Wanted("right", (1, 2, 2)))


def refused(path: Path, match: str) -> Esp8kError:
    """The one error of a calibration file."""
    with pytest.raises(Esp8kError, match=match) as caught:
        calibration.read(path, SHAPE)
    assert caught.value.hint
    return caught.value


def test_arrays_are_taken_in_usual_shapes(tmp_path: Path) -> None:
    data = np.random.default_rng(0).random((5, 4, 6)).astype(np.float32)
    np.save(tmp_path / "a.npy", data)
    np.save(tmp_path / "b.npy", data.reshape(5, 24))
    np.savez(tmp_path / "c.npz", data.reshape(5, 4, 6, 1))
    np.save(tmp_path / "d.npy", np.asfortranarray(data))
    for name in ("a.npy", "b.npy", "c.npz", "d.npy"):
        found = calibration.read(tmp_path / name, SHAPE)
        assert np.array_equal(found[..., 0], data), name


def test_csv_files_are_taken(tmp_path: Path) -> None:
    rows = np.arange(48).reshape(2, 24)
    text = "\n".join(",".join(map(str, row)) for row in rows)
    (tmp_path / "a.csv").write_text("title,of,it\n" + text + "\n\n")
    found = calibration.read(tmp_path / "a.csv", SHAPE)
    assert np.array_equal(found.reshape(2, 24), rows)
    folder = tmp_path / "folder"
    folder.mkdir()
    for number, row in enumerate(rows):  # a series: one sample a line
        lines = ("; ".join(map(str, line)) for line in row.reshape(4, 6))
        (folder / f"{number}.csv").write_text("\n".join(lines))
    assert np.array_equal(calibration.read(folder, SHAPE).reshape(2, 24), rows)


def test_a_folder_of_images_is_taken(tmp_path: Path) -> None:
    for number in range(3):
        pixels = np.full((8, 12, 3), 40 * (number + 1), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    found = calibration.read(tmp_path, SHAPE)
    assert found.shape == (3, 4, 6, 1)
    assert np.allclose(found[:, 0, 0, 0], np.array([40, 80, 120]) / 255, atol=0.01)


def test_a_photo_of_calibration_is_upright_as_any_other(tmp_path: Path) -> None:
    """There was a second loader of pictures here, which turned none."""
    pixels = np.zeros((8, 12, 3), np.uint8)
    pixels[:4] = 200
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    (read,) = calibration.read(tmp_path, (1, 8, 12, 3))
    assert read[:4].max() == 0 and np.allclose(read[4:], 200 / 255)
    (tmp_path / "b.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0")
    with pytest.raises(Esp8kError, match=r"b\.png is not a picture"):
        calibration.read(tmp_path, (1, 8, 12, 3))


def test_another_order_of_axes_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.random.rand(5, 6, 4, 1))
    error = refused(tmp_path / "a.npy", "another order")
    assert "transpose(inputs, (0, 2, 1, 3))" in error.hint


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.zeros((5, 4, 6, 1)), "all values of .* are 0"),
        (np.full((5, 4, 6, 1), np.nan), "120 values that are NaN"),
        (np.random.rand(5, 7), "has the shape"),
        (np.zeros((0, 4, 6, 1)), "holds no inputs"),
        (np.array([["a", "b"]]), "not numbers"),
    ],
)
def test_bad_calibration_is_named(
    tmp_path: Path, values: np.ndarray, match: str
) -> None:
    np.save(tmp_path / "bad.npy", values)
    refused(tmp_path / "bad.npy", match)


def test_ragged_lines_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2,3\n1,2\n")
    refused(tmp_path / "a.csv", "ragged: its lines have 2 to 3 numbers")


def huge_header(size: int) -> bytes:
    """An .npy that claims many elements and holds none."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({size},), }}"
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def test_a_header_of_40_gigabytes_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(huge_header(5 * 10**9))
    refused(tmp_path / "a.npy", "its header says")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("arr_0.npy", huge_header(5 * 10**9))
    refused(tmp_path / "a.npz", "its header says")


@pytest.mark.parametrize("raw", [b"", b"junk" * 50, b"PK\x03\x04" + bytes(40)])
@pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.csv"])
def test_junk_is_refused(tmp_path: Path, raw: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(raw)
    refused(tmp_path / name, "a.n|a.csv")


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    whole = io.BytesIO()
    np.savez_compressed(whole, np.random.rand(5, 4, 6, 1))
    rng = np.random.default_rng(0)
    for _ in range(60):
        raw = bytearray(whole.getvalue())
        for place in rng.integers(0, len(raw), 3):
            raw[place] = int(rng.integers(256))
        (tmp_path / "a.npz").write_bytes(bytes(raw))
        try:
            found = calibration.read(tmp_path / "a.npz", SHAPE)
        except Esp8kError as error:
            assert error.hint
        else:
            assert found.shape == (5, 4, 6, 1)


def test_several_inputs_are_found_by_name_by_order_or_one_behind_another(
    tmp_path: Path,
) -> None:
    left = np.arange(15, dtype=np.float32).reshape(5, 3)
    right = -np.arange(20, dtype=np.float32).reshape(5, 2, 2)
    whole = np.concatenate([left, right.reshape(5, 4)], axis=1)
    np.savez(tmp_path / "named.npz", right=right, other=left[:1], left=left)
    np.savez(tmp_path / "order.npz", a=left, b=right)
    np.save(tmp_path / "one.npy", whole)
    np.savetxt(tmp_path / "lines.csv", whole, delimiter=",")
    for name in ("named.npz", "order.npz", "one.npy", "lines.csv"):
        found = calibration.read_all(tmp_path / name, TWO)
        assert np.array_equal(found[0], left) and np.array_equal(found[1], right)


def test_an_npz_without_arrays_is_not_called_damaged(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz")
    assert "damaged" not in refused(tmp_path / "a.npz", "holds no array").message


def test_what_is_wrong_with_several_inputs_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, left=np.eye(3))
    with pytest.raises(Esp8kError, match="has the inputs left, right") as caught:
        calibration.read_all(path, TWO)
    assert caught.value.hint == "numpy.savez('a.npz', left=..., right=...)"
    np.savez(path, left=np.eye(3), right=np.arange(16).reshape(4, 2, 2))
    with pytest.raises(Esp8kError, match="3 of left, 4 of right"):
        calibration.read_all(path, TWO)
