"""Try an architecture or a recipe on the 55,000/5,000 split; the test set is not read.

    esp8k search --spec "c10 c10p c14 c18p c16 fc" --seed 0
    esp8k search --model v2 --peak 0.02 --note "higher peak"

A spec is one word a layer, see `training/layers.py`. Several averages of the weights
are followed in one run. Each run adds one line to `build/search.jsonl`; the committed
`training/results/search.jsonl`, which the table in `training/README.md` is made from,
is written only as --record.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core.cli import SEEDS, parse, require_range
from core.errors import Esp8kError
from core.paths import build_root
from core.program import run
from core.text import for_json
from core.words import ModelName
from training import data, models
from training.augment import Affine
from training.confidence import fit_temperature, loss
from training.evaluate import evaluate
from training.fit import Trainer
from training.layers import network
from training.recipes import recipe
from training.schedule import Recipe
from training.studies.records import Attempt, Validation
from training.teacher import teacher_for
from training.train import MOST_IMAGES, MOST_PEAK

DECAYS = (0.99, 0.996, 0.998, 0.999)  # averages that every run follows


@dataclass(frozen=True)
class Config:
    """Options of `esp8k search`; absent: as in the model's recipe."""

    model: ModelName = "v3"  # whose recipe, and whose layers without --spec
    spec: str | None = None  # layers, one word each
    seed: int = 0  # of weights, order and augmentation
    peak: float | None = None  # highest learning rate
    decay: float | None = None  # weight decay
    batch: int | None = None  # images a step
    warmup: float | None = None  # share of the steps before the peak
    descent: str | None = None  # cosine or linear, from the peak to nothing
    optimizer: str | None = None  # adamw or soap
    beta2: float | None = None  # decay of the squared gradients
    distill: float | None = None  # share of the loss that a teacher gives
    soften: float | None = None  # temperature of the distillation
    sharpness: float | None = None  # radius of sharpness-aware steps
    degrees: float | None = None  # rotation of the augmentation
    scale: float | None = None  # scale of the augmentation
    shear: float | None = None  # shear of the augmentation
    shift: float | None = None  # shift of the augmentation, pixels
    epochs: int = 5  # passes over the 55,000 images
    images: int | None = None  # train on the first N of them only
    note: str = ""  # what this run tries, for the record
    record: Path | None = None  # file of results; build/search.jsonl if absent
    json: bool = False  # print the result as JSON


class Averages(Trainer):
    """A trainer that follows several averages at once; its own is off."""

    def __init__(
        self,
        model: nn.Module,
        images: np.ndarray,
        labels: np.ndarray,
        recipe: Recipe,
        seed: int,
    ) -> None:
        teacher = teacher_for(recipe, images, labels)
        recipe = replace(recipe, ema=0.0)
        super().__init__(model, images, labels, recipe, seed, teacher=teacher)
        self.followed = {d: [t.detach().clone() for t in self.live] for d in DECAYS}

    def step(self, views: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """As of any trainer, and all averages follow."""
        result = super().step(views, labels)
        for decay, average in self.followed.items():
            torch._foreach_lerp_(average, self.live, 1 - decay)
        return result

    def states(self) -> dict[str, dict[str, Tensor]]:
        """The raw weights and each average, by name."""
        raw = self.weights()
        names = [k for k, v in raw.items() if v.is_floating_point()]
        named = {
            str(decay): raw | dict(zip(names, average, strict=True))
            for decay, average in self.followed.items()
        }
        return {"raw": raw, **named}


def chosen_recipe(config: Config) -> Recipe:
    """The model's recipe with what the command line changes."""
    base = recipe(config.model, config.epochs)
    options = asdict(config)
    affine = {k: options[k] for k in asdict(Affine()) if options[k] is not None}
    rest = {f.name for f in fields(Recipe)} - {"affine", "epochs", "ema"}
    given = {k: options[k] for k in sorted(rest) if options[k] is not None}
    return replace(base, affine=replace(base.affine, **affine), **given)


def attempt(config: Config) -> Attempt:
    """Train once; accuracy, loss and temperature on the validation images."""
    torch.set_num_threads(1)
    torch.manual_seed(config.seed)
    model = network(config.spec) if config.spec else models.build(config.model)
    models.check_size(config.spec or config.model, model)
    images = data.load()
    fit, held = data.split(images.train_labels)
    fit = fit[: config.images]
    trainer = Averages(
        model,
        images.train_images[fit],
        images.train_labels[fit],
        chosen_recipe(config),
        config.seed,
    )
    for _ in range(config.epochs):
        trainer.run_epoch()
    validation: dict[str, Validation] = {}
    for name, state in trainer.states().items():
        model.load_state_dict(state)
        seen = evaluate(model, images.train_images[held], images.train_labels[held])
        validation[name] = {
            "accuracy": round(seen.accuracy, 3),
            "loss": round(loss(seen, 1.0), 5),
            "temperature": round(fit_temperature(seen), 3),
        }
    return {
        "note": config.note,
        "spec": config.spec or config.model,
        "seed": config.seed,
        "parameters": models.parameters(model),
        "macs": models.macs(model),
        "recipe": trainer.recipe.record(),
        "train_accuracy": round(trainer.history[-1].train_accuracy, 3),
        "validation": validation,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Try once, print and file the result."""
    config = parse(Config, argv, "search", __doc__ or "")
    require_range(config, seed=SEEDS, images=(1, MOST_IMAGES), peak=(0, MOST_PEAK))
    require_range(config, warmup=(0, 1), distill=(0, 1), beta2=(0, 1))
    result = attempt(config)
    line = for_json(result, None)
    record = config.record or build_root() / "search.jsonl"
    if record.exists() and not record.is_file():
        raise Esp8kError(f"{record} is not a plain file", "give another name")
    record.parent.mkdir(parents=True, exist_ok=True)
    with record.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    print(line if config.json else _told(result, record))


def _told(result: Attempt, record: Path) -> str:
    """One line an average of the weights, on the validation images."""
    head = (
        f"{result['spec']}, seed {result['seed']}: {result['parameters']:,} parameters"
    )
    rows = [f"{head}, {result['macs']:,} MACs"]
    for name, seen in result["validation"].items():
        rows.append(f"{name:>6} {seen['accuracy']:7.2f} % loss {seen['loss']:.5f}")
    return "\n".join([*rows, f"kept in {record}"])


if __name__ == "__main__":
    run(main)
