"""Random data movement: transpositions, slices, borders, other sizes."""

import numpy as np

from tools.bench.drawn.recurrent import Recurrent
from tools.bench.drawn.values import Value


class Moves(Recurrent):
    """Networks whose operators only move values, or place them between others."""

    def moved(
        self, kind: str, inputs: list[int], x: Value, shape: tuple[int, ...], **o: float
    ) -> Value:
        y = self.value(shape, x.scale, x.zero_point)
        self.builder.operator(kind, inputs, y.index, **o)
        return y

    def whole(self, *values: int) -> int:
        data = np.array(values)
        return self.builder.tensor(data.shape, None, 0, data, "int32")

    # ---- data movement ----

    def transpose(self, x: Value) -> Value:
        order = [0, *(int(i) for i in 1 + self.rng.permutation(len(x.shape) - 1))]
        shape = tuple(x.shape[i] for i in order)
        return self.moved("TRANSPOSE", [x.index, self.whole(*order)], x, shape)

    def strided_slice(self, x: Value) -> Value:
        begin, end, step, shape = [0], [1], [1], [1]
        for size in x.shape[1:]:
            first = self.integer(0, size - 1)
            last = self.integer(first + 1, size)
            stride = self.integer(1, 2)
            if not self.rng.integers(4):
                first, last, stride = size - 1, -size - 1, -1
            begin.append(first)
            end.append(last)
            step.append(stride)
            shape.append(
                len(
                    range(size)[
                        slice(first, last if last > -size - 1 else None, stride)
                    ]
                )
            )
        masks = sum(1 << i for i, e in enumerate(end) if e < 0)
        constants = [self.whole(*part) for part in (begin, end, step)]
        return self.moved(
            "STRIDED_SLICE", [x.index, *constants], x, tuple(shape), endMask=masks
        )

    def split(self, x: Value) -> Value:
        axis = next((i for i, s in enumerate(x.shape) if i and s % 2 == 0), None)
        if axis is None:
            return self.transpose(x)
        shape = (*x.shape[:axis], x.shape[axis] // 2, *x.shape[axis + 1 :])
        parts = [self.value(shape, x.scale, x.zero_point) for _ in range(2)]
        indices = [p.index for p in parts]
        self.builder.operator(
            "SPLIT", [self.whole(axis), x.index], indices, numSplits=2
        )
        return self.binary_of(parts[1], parts[0], "SUB")

    def mirror_pad(self, x: Value) -> Value:
        pads = [(0, 0)] + [(self.integer(0, min(2, s - 1)),) * 2 for s in x.shape[1:]]
        shape = tuple(s + a + b for s, (a, b) in zip(x.shape, pads, strict=True))
        table = self.builder.tensor((len(pads), 2), None, 0, np.array(pads), "int32")
        mode = self.integer(0, 1)
        return self.moved("MIRROR_PAD", [x.index, table], x, shape, mode=mode)

    def padv2(self, x: Value) -> Value:
        pads = np.concatenate(
            [[[0, 0]], self.rng.integers(0, 3, (len(x.shape) - 1, 2))]
        )
        shape = tuple(s + int(p.sum()) for s, p in zip(x.shape, pads, strict=True))
        table = self.builder.tensor(pads.shape, None, 0, pads, "int32")
        fill = self.builder.tensor(
            (), x.scale, x.zero_point, np.array(self.zero_point())
        )
        return self.moved("PADV2", [x.index, table, fill], x, shape)

    def nearest(self, x: Value) -> Value:
        if len(x.shape) != 4:
            return self.transpose(x)
        size = self.integer(1, 12), self.integer(1, 12)
        corners = bool(self.rng.integers(2))
        shape = (1, *size, x.shape[3])
        return self.moved(
            "RESIZE_NEAREST_NEIGHBOR",
            [x.index, self.whole(*size)],
            x,
            shape,
            alignCorners=corners,
            halfPixelCenters=not corners and bool(self.rng.integers(2)),
        )

    def bilinear(self, x: Value) -> Value:
        if len(x.shape) != 4:
            return self.transpose(x)
        size = self.integer(1, 12), self.integer(1, 12)
        corners = bool(self.rng.integers(2))
        return self.moved(
            "RESIZE_BILINEAR",
            [x.index, self.whole(*size)],
            x,
            (1, *size, x.shape[3]),
            alignCorners=corners,
            halfPixelCenters=not corners and bool(self.rng.integers(2)),
        )
