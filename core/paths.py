"""Where things lie. Everything generated is below one build folder.

`ESP8K_BUILD` moves that folder (tests use it); the default is `build/` in the
repository, whatever the working directory.
"""

import os
from pathlib import Path

from core.errors import Esp8kError
from core.words import MODELS

ROOT = Path(__file__).resolve().parent.parent
PRETRAINED = ROOT / "training" / "pretrained"  # weights that are shipped


def build_root() -> Path:
    """The folder of everything generated."""
    return Path(os.environ.get("ESP8K_BUILD") or ROOT / "build")


def model_dir(model: str) -> Path:
    """`build/<model>/`; refuses a name that is not a model of ours."""
    if model not in MODELS:
        known = ", ".join(MODELS)
        raise Esp8kError(f"there is no model {model!r}", f"MODEL is one of: {known}")
    return build_root() / model


def checkpoint(model: str) -> Path:
    """The trained checkpoint if there is one, else the one that we ship."""
    trained = model_dir(model) / "model.pt"
    shipped = PRETRAINED / f"{model}.pt"
    if trained.exists():
        return trained
    if shipped.exists():
        return shipped
    raise Esp8kError(f"no checkpoint of {model}", f"run: make train MODEL={model}")
