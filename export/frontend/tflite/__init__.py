"""A float .tflite on its way to integers.

It is made (`convert`), its open lengths are settled, the `ranges` of its values found,
what int8 has no operators for folded to tables (`pointwise`), `quantize` does the rest.
"""
