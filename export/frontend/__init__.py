"""What comes in becomes a quantized .tflite, and what is not taken is said.

There are two doors. Our own checkpoint: `fold`, `onnx_export`, `tflite.convert`; the
int8 ONNX that stands beside it is `quantize`'s. Anybody's file: `sources` tells its
kind, `conversion` makes it int8 in a process of its own, `beside` holds the result to
what it was made of, `costs` measures what was lost.

Behind both lies `support`: `canonical` makes the ways of saying a thing one, and the
first operator that the engine does not have is refused (`refusal`) with its cure.
"""
