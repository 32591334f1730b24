"""Figures of the shipped weights on held-out fields, beside the classical recipe.

    python models/training/evaluate.py --data ../shared/data --phantoms DIR

Sets: the real validation fields as they are; the same fields re-rendered as H-DAB, one set per
pattern (fixed seeds); held-out phantoms, all and by what is in them. The ONNX file is run as the
pipeline runs it, in patches with a halo, cores put together. With `--program` the same fields go
through `pantrk segment` too, with the network and with its watershed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image
from skimage.segmentation import find_boundaries

from augment import rendered_field
from data import Field, at_model_scale, compact, is_grey, phantom_fields, phantom_rows, read_rgb, real_fields, split
from head import HeadParameters, instances
from recipe import cell_detection

MODEL_DIR = Path(__file__).resolve().parent.parent / "nucleus"
HALO = 32
PATCH = 576

RENDERED = {
    # set: (pattern, grade index)
    "DAB negative": ("negative", 0),
    "DAB cytoplasmic 2+": ("cytoplasmic", 1),
    "DAB membranous 2+": ("membranous", 1),
    "DAB nuclear 2+": ("nuclear", 1),
    "DAB 3+ (cytoplasm and membrane)": ("cytoplasmic-membranous", 2),
}

PATTERNS_SHOWN = {
    # set of phantoms: the generator's patterns in it, where at least one cell of a hundred stains
    "cytoplasmic": ("cytoplasmic", "granular"),
    "membranous": ("membranous", "membranous-cytoplasmic"),
    "nuclear": ("nuclear", "nuclear-rim", "nuclear-cytoplasmic", "nuclear-rim-cytoplasmic"),
    "other mixtures": ("mixed",),
}


class Network:
    """The ONNX file over a whole field."""

    def __init__(self, weights: Path, threads: int = 1):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
        self.patch = PATCH

    def maps(self, rgb: np.ndarray) -> np.ndarray:
        height, width = rgb.shape[:2]
        core = self.patch - 2 * HALO
        rows, columns = -(-height // core), -(-width // core)
        pad = ((HALO, rows * core - height + HALO), (HALO, columns * core - width + HALO), (0, 0))
        mode = "reflect" if min(height, width) > core else "symmetric"
        image = np.pad(rgb, pad, mode=mode).astype(np.float32).transpose(2, 0, 1) / 255.0
        out = np.zeros((2, rows * core, columns * core), np.float32)
        for r in range(rows):
            for c in range(columns):
                y, x = r * core, c * core
                tile = np.ascontiguousarray(image[None, :, y : y + self.patch, x : x + self.patch])
                got = self.session.run(["maps"], {"image": tile})[0][0]
                out[:, y : y + core, x : x + core] = got[:, HALO:-HALO, HALO:-HALO]
        return out[:, :height, :width]


@dataclass
class Tally:
    """Sums over the fields of a set."""

    true: int = 0
    found: int = 0
    hits50: int = 0
    hits70: int = 0
    iou50: float = 0.0
    shared: float = 0.0
    union: float = 0.0

    def add(self, truth: np.ndarray, found: np.ndarray) -> None:
        truth, found = compact(truth), compact(found)  # an id without a pixel must not count as missed
        n, m = int(truth.max()), int(found.max())
        both = np.zeros((n + 1, m + 1))
        np.add.at(both, (truth.ravel(), found.ravel()), 1.0)
        size_t, size_f = both.sum(1)[1:], both.sum(0)[1:]
        both = both[1:, 1:]
        union = size_t[:, None] + size_f[None, :] - both
        iou = both / np.maximum(union, 1.0)
        self.true += n
        self.found += m
        # Above 0.5 a pairing is unique, so no assignment is needed.
        self.hits50 += int((iou > 0.5).sum())
        self.hits70 += int((iou > 0.7).sum())
        self.iou50 += float(iou[iou > 0.5].sum())
        used = np.zeros(m, bool)
        for i in range(n):
            j = int(iou[i].argmax()) if m else -1
            if j >= 0 and both[i, j] > 0:
                self.shared += both[i, j]
                self.union += union[i, j]
                used[j] = True
            else:
                self.union += size_t[i]
        self.union += float(size_f[~used].sum())

    def row(self) -> dict[str, float]:
        total = max(self.true + self.found, 1)
        return {
            "F1@0.5": 2 * self.hits50 / total,
            "F1@0.7": 2 * self.hits70 / total,
            "PQ": 2 * self.iou50 / total,
            "AJI": self.shared / max(self.union, 1.0),
            "count ratio": self.found / max(self.true, 1),
            "nuclei": self.true,
        }


def validation_sets(data: Path, phantoms: Path | None) -> dict[str, list[Field]]:
    """Named sets of held-out fields at the model's scale."""
    held_out = [at_model_scale(f) for f in split(real_fields(data))[1]]
    sets = {
        "real, histology": [f for f in held_out if f.kind == "histology"],
        "real, H&E (NuCLS)": [f for f in held_out if f.kind == "nucls"],
    }
    # The grey smears are left out here: hardly any nuclei, and no tissue to stain.
    tissue = [f for f in held_out if not is_grey(f)]
    for name, (pattern, grade) in RENDERED.items():
        sets[name] = [rendered_field(np.random.default_rng((7, i, grade, len(pattern))), f, pattern, grade) for i, f in enumerate(tissue)]
    if phantoms is not None:
        for field in split(phantom_fields(phantoms))[1]:
            sets.setdefault("phantoms", []).append(field)
    return sets


def phantom_sets(phantoms: Path) -> dict[str, list[Field]]:
    """Held-out phantoms by what is in them; a field may stand in more than one set."""
    rows = phantom_rows(phantoms)
    sets: dict[str, list[Field]] = {}
    for field in split(phantom_fields(phantoms))[1]:
        row = rows[field.name.removeprefix("phantom/")]
        names = [name for name, patterns in PATTERNS_SHOWN.items() if row["pattern"] in patterns]
        names = ["negative"] if row["positive_percent"] < 1.0 else names
        if row["strong_percent"] >= 30.0:
            names.append("3+ in 30 % of cells or more")
        if row["artefacts"]:
            names.append("on slides with artefacts")
        for name in names:
            sets.setdefault(f"phantoms, {name}", []).append(field)
    return dict(sorted(sets.items()))


def manifest_parameters(manifest: Path) -> HeadParameters:
    values = tomllib.loads(manifest.read_text())["head"]["parameters"]
    known = asdict(HeadParameters())
    return HeadParameters(**{k: v for k, v in values.items() if k in known})


def scores(sets: dict[str, list[Field]], maps: dict[str, list[np.ndarray]], p: HeadParameters) -> dict[str, dict[str, float]]:
    table = {}
    for name, fields in sets.items():
        tally = Tally()
        for field, out in zip(fields, maps[name]):
            tally.add(field.labels, instances(out, p))
        table[name] = tally.row()
    return table


def found_scores(sets: dict[str, list[Field]], found: Callable[[Field], np.ndarray]) -> dict[str, dict[str, float]]:
    """Scores of the label image that `found` gives of each field."""
    table = {}
    for name, fields in sets.items():
        tally = Tally()
        for field in fields:
            tally.add(field.labels, found(field))
        table[name] = tally.row()
    return table


def program_labels(program: Path, model: str, field: Field) -> np.ndarray:
    """The program's own label image of a field."""
    with tempfile.TemporaryDirectory() as folder:
        image, labels = Path(folder) / "field.png", Path(folder) / "labels.png"
        Image.fromarray(field.rgb).save(image)
        command = [str(program), "segment", str(image), "--mpp", "0.5", "--model", model, "--out", str(labels)]
        subprocess.run(command, check=True, capture_output=True)
        return np.asarray(Image.open(labels)).astype(np.int32)


def show(table: dict[str, dict[str, float]], title: str) -> None:
    print(f"\n| {title} | F1@0.5 | F1@0.7 | PQ | AJI | count ratio | nuclei |\n|---|---|---|---|---|---|---|")
    for name, r in table.items():
        print(f"| {name} | {r['F1@0.5']:.3f} | {r['F1@0.7']:.3f} | {r['PQ']:.3f} | {r['AJI']:.3f} | {r['count ratio']:.2f} | {r['nuclei']:.0f} |")


def overlay(network: Network, image: Path, p: HeadParameters, out: Path) -> None:
    """The field twice as large with the outlines found, in yellow."""
    rgb = read_rgb(image)
    labels = instances(network.maps(rgb), p)
    Image.fromarray(outlined(rgb, np.zeros_like(labels), labels)).save(out)
    print(f"{image}: {labels.max()} nuclei, overlay {out}")


def worst(sets: dict[str, list[Field]], maps: dict[str, list[np.ndarray]], p: HeadParameters, out: Path) -> None:
    """Per set, the three fields with the lowest F1 at IoU 0.5, side by side: `SET.png` in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    for name, fields in sets.items():
        ranked = []
        for field, map_ in zip(fields, maps[name]):
            labels, tally = instances(map_, p), Tally()
            tally.add(field.labels, labels)
            # A field without a nucleus, rightly left empty, is no failure.
            if tally.true + tally.found > 0:
                ranked.append((tally.row()["F1@0.5"], field, labels))
        ranked.sort(key=lambda r: (r[0], r[1].name))
        views = [outlined(field.rgb, field.labels, labels) for _, field, labels in ranked[:3]]
        tallest = max(v.shape[0] for v in views)
        views = [np.pad(v, ((0, tallest - v.shape[0]), (0, 8), (0, 0)), constant_values=255) for v in views]
        path = out / (name.replace(",", "").replace(" ", "-") + ".png")
        Image.fromarray(np.concatenate(views, 1)).quantize(200).save(path, optimize=True)
        print(f"{path}: " + ", ".join(f"{f.name} {f1:.2f}" for f1, f, _ in ranked[:3]))


def outlined(rgb: np.ndarray, truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """The field twice as large; true outlines dark blue, found ones yellow over them."""
    large = np.asarray(Image.fromarray(rgb).resize((rgb.shape[1] * 2, rgb.shape[0] * 2), Image.Resampling.BICUBIC)).copy()
    for labels, colour in ((truth, (0, 32, 160)), (found, (255, 225, 0))):
        twice = np.kron(labels, np.ones((2, 2), labels.dtype))
        large[find_boundaries(twice, mode="inner")] = colour
    return large


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--phantoms", type=Path)
    parser.add_argument("--weights", type=Path, default=MODEL_DIR / "weights.onnx")
    parser.add_argument("--manifest", type=Path, default=MODEL_DIR / "model.toml")
    parser.add_argument("--tune", action="store_true", help="try head parameters instead of reporting")
    parser.add_argument("--no-recipe", action="store_true")
    parser.add_argument("--program", type=Path, help="the built program: what its `segment` gives is shown too")
    parser.add_argument("--overlay", type=Path, nargs=2, metavar=("IMAGE", "OUT"), help="draw what is found in one image at 0.5 um/px")
    parser.add_argument("--worst", type=Path, metavar="FOLDER", help="draw the worst fields of each set instead of reporting")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    args = parser.parse_args()
    network, p = Network(args.weights), manifest_parameters(args.manifest)
    if args.overlay:
        overlay(network, args.overlay[0], p, args.overlay[1])
        return
    sets = validation_sets(args.data, args.phantoms)
    if args.phantoms and not args.tune:
        sets |= phantom_sets(args.phantoms)
    maps = {name: [network.maps(f.rgb) for f in fields] for name, fields in sets.items()}
    if args.tune:
        tune(sets, maps, p)
        return
    if args.worst:
        worst(sets, maps, p, args.worst)
        return
    report = {"network": scores(sets, maps, p)}
    show(report["network"], "network")
    if not args.no_recipe:
        report["recipe"] = found_scores(sets, lambda field: cell_detection(field.rgb))
        show(report["recipe"], "recipe")
    if args.program:
        for model in ("nucleus", "watershed"):
            report[f"program, {model}"] = found_scores(sets, partial(program_labels, args.program, model))
            show(report[f"program, {model}"], f"program, {model}")
    if args.json:
        args.json.write_text(json.dumps(report, indent=1))


def tune(sets: dict[str, list[Field]], maps: dict[str, list[np.ndarray]], p: HeadParameters) -> None:
    """Mean F1 at 0.5 and 0.7 over the sets for a grid of head parameters."""
    for interior in (0.4, 0.5, 0.6):
        for seed in (0.3, 0.45, 0.6):
            for depth in (0.1, 0.2, 0.25, 0.3, 0.4):
                q = p.but(interior_threshold=interior, seed_threshold=seed, seed_depth=depth)
                table = scores(sets, maps, q)
                f50 = np.mean([r["F1@0.5"] for r in table.values()])
                f70 = np.mean([r["F1@0.7"] for r in table.values()])
                print(f"interior {interior} seed {seed} depth {depth}: F1@0.5 {f50:.4f} F1@0.7 {f70:.4f}", flush=True)


if __name__ == "__main__":
    main()
