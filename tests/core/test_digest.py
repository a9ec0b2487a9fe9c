"""One digest for the same logits on every machine."""

import zlib

from core.digest import digest
from tests.support.fakes import logits, some_images


def test_the_digest_is_a_crc_over_little_endian_bytes_in_order() -> None:
    values = logits("int8", some_images(3))
    assert digest(values) == f"{zlib.crc32(values.tobytes()):08x}"
    floats = logits("f16", some_images(3))
    assert digest(floats.astype(">f4")) == digest(floats) != digest(floats[::-1])
