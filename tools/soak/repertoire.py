"""What a soak asks beside images: rates, text, and what must be refused."""

import struct

from tools.soak import second_client as wire

RATES = (9600, 115200, 460800, 921600, 3_000_000)
WRONG_RATES = (0, 9599, 3_000_001, 0xFFFFFFFF)
REFUSED = (  # a request's type, its payload, the ERROR that must come
    (wire.HELLO, b"x", 3),
    (wire.STATISTICS, bytes(784), 3),
    (wire.INFER, bytes(4 + 785), 3),
    (wire.STAGE_CRCS, bytes(4000), 3),
    (0x40, bytes(4000), 2),
    (0x55, b"", 2),
    (wire.INFER, bytes([0, 0, 1, 0]) + bytes(784), 6),
    (wire.INFER, bytes([2, 0, 0, 0]) + bytes(784), 4),
    (wire.STAGE_BYTES, bytes([0, 99, 1, 0, 0, 0, 0, 0]) + bytes(784), 5),
    (wire.STAGE_BYTES, bytes(8) + bytes(784), 6),
    (wire.FRAME, bytes(12), 3),
    (wire.FRAME, bytes(12 + 769), 3),
    (wire.FRAME, struct.pack("<IHHI", 0, 15, 40, 0) + b"x", 6),
    (wire.FRAME, struct.pack("<IHHI", 0, 321, 40, 0) + b"x", 6),
    (wire.FRAME, struct.pack("<IHHI", 0, 16, 16, 0) + bytes(257), 6),
    (wire.FRAME, struct.pack("<IHHI", 1, 40, 40, 40) + b"x", 8),
    (wire.INFER_FRAME, struct.pack("<BBHI", 0, 0, 0, 99), 8),
    (wire.INFER_FRAME, struct.pack("<BBHI", 2, 0, 0, 99), 4),
    (wire.INFER_FRAME, struct.pack("<BBHI", 0, 1, 0, 99), 6),
    (wire.INFER_FRAME, bytes(7), 3),
    *((wire.SET_BAUD, struct.pack("<I", rate), 6) for rate in WRONG_RATES),
)
WRONG_PUTS = (b"", bytes(5), bytes(5 + 33), b"\0\0\0\0\x19" + bytes(32), bytes(900))
SHORT_TEXTS = (
    *("name", "profile", "timestamp", "results", "nonsense", "db", "db zz", "db abc"),
    *("db load", "db load 0", "db load 785", "db print 785", "infer 0", "infer 100001"),
    *("engine int8", "engine f16", "engine", "engine 8", "db print", "db 00", "x" * 80),
)
