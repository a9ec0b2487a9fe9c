"""The tables of `training/README.md`.

    esp8k tables            # print the page as it would be
    esp8k tables --write    # rewrite it

Each is made from the files in `training/results` and stands between two comments that
bear its name.
"""

import json
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from core.cli import parse
from core.files import write_text
from core.paths import PRETRAINED, ROOT
from core.program import run
from core.words import MODELS
from training import checkpoint, data
from training.confidence import TARGETS, report
from training.evaluate import evaluate
from training.studies import lessdata
from training.studies.records import Attempt
from training.studies.seeds import RESULTS, filed

README = ROOT / "training" / "README.md"


def results() -> str:
    """One row a model, from `results/<model>.json`."""
    rows = [
        "| model | parameters | MACs | seeds | float, mean (std) | min to max "
        "| int8, mean | 95 % interval |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, r in filed().items():
        integer = "" if r["int8_mean"] is None else f"{r['int8_mean']:.3f}"
        low, high = r["wilson95"]
        rows.append(
            f"| {name} | {r['parameters']:,} | {r['macs']:,} | {r['n']} "
            f"| {_spread(r['mean'], r['std'], 3)} | {r['min']:.2f} to {r['max']:.2f} "
            f"| {integer} | {low:.2f} to {high:.2f} |"
        )
    rows.append("")
    rows.append(
        "Percent of the 10,000 test images; `make seeds MODEL=... N=...` gives each "
        "row, with TEACHER=no those alone. The interval is Wilson's for the mean "
        "accuracy on 10,000 images."
    )
    return "\n".join(rows)


def _spread(mean: float, std: float | None, places: int) -> str:
    """A mean and, of several seeds, their standard deviation."""
    return f"{mean:.{places}f}" + ("" if std is None else f" ({std:.{places}f})")


SHOWN = 3  # runs that a row of the search's table has at least


def search() -> str:
    """One row a net and recipe, from `results/search.jsonl`, the least loss first."""
    runs: dict[tuple[str, ...], list[Attempt]] = {}
    for line in (RESULTS / "search.jsonl").read_text().splitlines():
        r: Attempt = json.loads(line)
        runs.setdefault((f"`{r['spec']}`", *_how(r)), []).append(r)
    rows = []
    for key, found in runs.items():
        seen = [r["validation"]["0.998"] for r in found]
        loss = statistics.mean(v["loss"] for v in seen)
        accuracy = statistics.mean(v["accuracy"] for v in seen)
        if len(found) >= SHOWN:
            first, how = found[0], " | ".join(key[1:])
            text = f"| {key[0]} | {first['macs']:,} | {how} | {len(found)} "
            rows.append((loss, f"{text}| {accuracy:.2f} | {loss:.4f} |"))
    head = "| layers | MACs | optimizer | views | what else | runs | accuracy | loss |"
    return "\n".join(
        [head, "|---|--:|---|---|---|--:|--:|--:|", *(text for _, text in sorted(rows))]
    )


def _how(r: Attempt) -> tuple[str, str, str]:
    """Optimizer, views and the rest of a run, as the table says them."""
    c, a = r["recipe"], r["recipe"]["affine"]
    optimizer = f"{c.get('optimizer', 'adamw')} {c['peak']:g}, batch {c['batch']}"
    views = f"{a['degrees']:g}°, {a['scale']:g}, {a['shift']:g} px"
    views += f", shear {a['shear']:g}" if a["shear"] else ""
    usual = {"warmup": 0.25, "decay": 0.01, "epochs": 5, "beta2": 0.999, "distill": 0}
    usual |= {"sharpness": 0}
    rest = [r["note"]] if r["note"] else []
    rest += [f"{k} {c[k]:g}" for k, v in usual.items() if c.get(k, v) != v]
    rest += ["linear"] if c.get("descent") == "linear" else []
    return optimizer, views, ", ".join(rest)


def less_data() -> str:
    """One row a share of the images, from `results/less-data/`; two columns a model."""
    found = lessdata.results()
    columns = [(r["model"], way) for r in found for way in lessdata.WAYS]
    heads = [f"{model}, same {way}" for model, way in columns]
    rows = [
        f"| % | images | {' | '.join(heads)} |",
        f"|--:|--:|{'--:|' * len(columns)}",
    ]
    cells = {
        (r["model"], p["way"], p["percent"]): _spread(p["mean"], p["std"], 2)
        for r in found
        for p in r["points"]
    }
    for percent in (100, *lessdata.PERCENTS):
        mine = [cells[*column, percent] for column in columns]
        images = f"{lessdata.IMAGES * percent // 100:,}"
        rows.append(f"| {percent} | {images} | {' | '.join(mine)} |")
    return "\n".join(rows)


def confidence() -> str:
    """One row a shipped model: its temperature, and how many images to reject."""
    heads = " | ".join(f"for {target} %" for target in TARGETS)
    rows = [
        f"| model | right, % | temperature | calibration error | {heads} |",
        f"|---|--:|--:|--:|{'--:|' * len(TARGETS)}",
    ]
    images = data.load()
    for model in MODELS:
        stored = checkpoint.load(PRETRAINED / f"{model}.pt", model)
        seen = evaluate(stored.module(), images.test_images, images.test_labels)
        found = report(seen, stored.temperature)
        before, after = found["calibration_error"]
        rejected = " | ".join(f"{row['rejected']:,}" for row in found["risk_coverage"])
        rows.append(
            f"| {model} | {seen.accuracy:.2f} | {found['temperature']:.3f} "
            f"| {before:.2f} to {after:.2f} | {rejected} |"
        )
    return "\n".join(rows)


def filled(text: str, name: str, table: str) -> str:
    """`text` with what stands between two markers `name` replaced."""
    marker = f"<!-- {name} -->"
    if text.count(marker) == 1:
        return text.replace(marker, f"{marker}\n{table}\n{marker}")
    pattern = re.escape(marker) + r".*?" + re.escape(marker)
    return re.sub(pattern, lambda _: f"{marker}\n{table}\n{marker}", text, flags=re.S)


@dataclass(frozen=True)
class Config:
    """Options of `esp8k tables`."""

    write: bool = False  # rewrite training/README.md instead of printing


def main(argv: Sequence[str] | None = None) -> None:
    """Print the README with its tables made anew, or rewrite it."""
    config = parse(Config, argv, "tables", __doc__ or "")
    text = README.read_text()
    tables = {
        "results": results,
        "search": search,
        "less-data": less_data,
        "confidence": confidence,
    }
    for name, make in tables.items():
        table = make()
        text = filled(text, name, table)
    if config.write:
        write_text(README, text)
    else:
        print(text, end="")


if __name__ == "__main__":
    run(main)
