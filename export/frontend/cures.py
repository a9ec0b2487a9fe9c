"""What cures an operator that is not taken: one line of Python where there is one."""

from export.graph.network import Network

CONTROL = "unroll it before converting: tf.function without if and while on tensors"
LOOP = (
    "give the model from before its conversion, a Keras file or a torch function, with "
    "--calibration: recurrent layers are written out there"
)
INT16 = "leave --int16 out: with 8 bits more operators are taken"
RECURRENT = (
    "write it with keras.layers.LSTM(..., unroll=True), or as one step with its state "
    "as a second input and output"
)
DILATED = (
    "convert with keras.Input(shape, batch_size=1): a dilated convolution then is one"
)
POINTWISE = (
    "give the float model with --calibration: a function of one value, element by "
    "element, becomes a table there; of two values tf.maximum and tf.minimum are taken"
)
CURVES = (
    *("GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "EQUAL", "NOT_EQUAL"),
    *("SELECT", "SELECT_V2", "LOG", "SQRT", "SIN", "COS", "FLOOR", "CEIL"),
)
CURES = {
    **dict.fromkeys(CURVES, POINTWISE),
    "SPACE_TO_BATCH_ND": DILATED,
    "BATCH_TO_SPACE_ND": DILATED,
    "IF": CONTROL,
    "WHILE": LOOP,
    "CALL": CONTROL,
    "BIDIRECTIONAL_SEQUENCE_LSTM": RECURRENT,
    "UNIDIRECTIONAL_SEQUENCE_RNN": RECURRENT,
    "RNN": RECURRENT,
    "LSTM": RECURRENT,
    "CAST": "convert to float before the model, not in it",
    "ARG_MAX": "end the model before it; the generated header has _argmax",
    "ARG_MIN": "end the model before it",
    "TOPK_V2": "end the model before it and sort on the chip",
    "NON_MAX_SUPPRESSION_V5": "end the model before it",
    "EMBEDDING_LOOKUP": "look the rows up before the model and feed them in",
    "GATHER": (
        "gather with constant indices; what an Embedding looks up look up before the "
        "model, and feed the rows in"
    ),
    "RANDOM_UNIFORM": "convert with training=False: keras.models.Model(..., training)",
}
OURS = {"TABLE", "CHANNEL_TABLE", "MOVE"}  # of no file
CUSTOM = (
    "convert with target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]: "
    "an operator of one vendor's compiler, or of full TensorFlow, runs nowhere else"
)
CUSTOMS = {  # by what an operator's own name begins with
    "Signal": (
        "this file computes features of sound, it is no network: keep that part as C "
        "(TFLite Micro's signal library) and compile the model that comes after it"
    ),
    "ethos-u": "give the .tflite from before vela",
    "edgetpu": "give the .tflite from before edgetpu_compiler",
    "TFLite_Detection_PostProcess": (
        "end the model before it: its boxes and scores are outputs, sorted on the chip"
    ),
}


def cure(kind: str, known: frozenset[str]) -> str:
    """The hint for an operator; `known` are the kinds that are taken."""
    if kind.startswith(("CUSTOM", "DELEGATE")):
        own = kind.partition(" ")[2]
        return next((c for name, c in CUSTOMS.items() if own.startswith(name)), CUSTOM)
    if kind in CURES:
        return CURES[kind]
    return "replace it; supported are " + ", ".join(sorted(known - OURS))


def of_any(network: Network, otherwise: str) -> str:
    """The hint for a model that TensorFlow Lite itself cannot run or quantize."""
    kinds = (op.kind for op in network.operators)
    custom = next((kind for kind in kinds if kind.startswith("CUSTOM")), None)
    return otherwise if custom is None else cure(custom, frozenset())
