"""Operators by what they are: the one place that lists them."""

LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"  # a whole layer as one operator
CONV_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D")
MAC_KINDS = (*CONV_KINDS, "FULLY_CONNECTED")
QUANTIZE_KINDS = ("QUANTIZE", "DEQUANTIZE")
UNARY_KINDS = (
    "LEAKY_RELU",
    "RELU",
    "RELU6",
    "LOGISTIC",
    "TANH",
    "QUANTIZE",
    "HARD_SWISH",
    "ELU",
    "ABS",
    "RSQRT",
    "GELU",
    "EXP",
    "TABLE",  # of 256 entries, computed while the network was made canonical
)
# A table for each channel, made of operators by `export.arithmetic.channelwise`.
CHANNEL_TABLE = "CHANNEL_TABLE"
# They write all of their output, whatever of it is read.
WHOLE_KINDS = (
    "MOVE",
    "REDUCE_SUM",
    "REDUCE_MEAN",
    "REDUCE_MAX",
    "REDUCE_MIN",
    "BATCH_MATMUL",
    LSTM,
    "SVDF",
)
BINARY_KINDS = (
    "ADD",
    "SUB",
    "MUL",
    "DIV",
    "PRELU",
    "MINIMUM",
    "MAXIMUM",
    "SQUARED_DIFFERENCE",
)
POOL_KINDS = ("MAX_POOL_2D", "AVERAGE_POOL_2D")
