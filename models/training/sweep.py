"""Architectures against one another: accuracy on held-out fields beside cost in the runtime.

    python models/training/sweep.py --data ../shared/data --phantoms DIR [--only NAME ...]

Every candidate sees the same samples in the same order (made once and kept under `work/sweep`),
for a run much shorter than the shipped one: the order of candidates is what is asked, not their
best figures. A candidate that is done is not trained again; one that `sweep.csv` holds from another
machine keeps its row. `sweep.csv` and `sweep.png` are written beside this file after each one.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from torch.utils.data import Dataset

from augment import MARGIN, take_apart, targets
from data import Field, phantom_fields, real_fields, split, split_edges
from evaluate import Tally, validation_sets
from export import load_checkpoint, to_onnx
from head import HeadParameters, instances, within_area
from model import NucleusNet, Shape, gflop_per_megapixel, network_input
from train import Plan, Samples, train

HERE = Path(__file__).resolve().parent
WORK = HERE / "work" / "sweep"
PLAN = Plan(steps=600, decay=300, mix_from=60, batch=8, size=256, rate=2e-3, seed=11)
PHANTOMS = 16
"""Held-out phantoms that are looked at: enough to rank, few enough to be quick."""
PATCHES = (256, 320, 448, 576)
HALO = 32
OFFSET_UNIT = 8.0
"""Pixels to the centre that the offset maps call 1."""

CANDIDATES = {
    # name: (architecture, seed of its weights)
    "32-64 (shipped)": (Shape(), 1),
    "32-64, second seed": (Shape(), 2),
    "32-64, third seed": (Shape(), 3),
    "24-48": (Shape(narrow=24, wide=48), 1),
    "16-32": (Shape(narrow=16, wide=32), 1),
    "48-96": (Shape(narrow=48, wide=96), 1),
    "32-64, shallow": (Shape(encoder_blocks=0, deep_blocks=2, decoder_blocks=1), 1),
    "32-64, deep below": (Shape(encoder_blocks=0, deep_blocks=5, decoder_blocks=1), 1),
    "24-64, one above": (Shape(narrow=24, wide=64, encoder_blocks=1, deep_blocks=3, decoder_blocks=1), 1),
    "32-64, depthwise": (Shape(depthwise=True), 1),
    "16-32, stem 2": (Shape(narrow=16, wide=32, stem=2, encoder_blocks=1, deep_blocks=2, decoder_blocks=1), 1),
    "32-64, maps at 1/2": (Shape(coarse=2), 1),
    "32-64, stains in": (Shape(inputs="stains"), 1),
    "32-64, boundary out": (Shape(outputs="boundary"), 1),
    "32-64, offsets out": (Shape(outputs="offsets"), 1),
}


class Kept(Dataset):
    """Samples of the plan, made once: RGB, interior, distance, weight, boundary, offsets as bytes."""

    PLANES = 3 + 6

    def __init__(self, first: int):
        self.first = first * PLAN.batch
        self.data = np.load(WORK / "samples.npy", mmap_mode="r")

    def __len__(self) -> int:
        return len(self.data) - self.first

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        sample = self.data[index + self.first].astype(np.float32)
        x, y = sample[:3] / 255.0, sample[3:]
        y[1] /= 255.0
        y[2] /= 50.0
        y[4:] = (y[4:] - 128.0) / 32.0
        return torch.from_numpy(x), torch.from_numpy(y)


def offsets(labels: np.ndarray) -> np.ndarray:
    """`[2,H,W]`: pixels to the centre of gravity of the nucleus, x then y; 0 outside."""
    ids = labels.ravel()
    y, x = np.divmod(np.arange(labels.size), labels.shape[1])
    count = np.maximum(np.bincount(ids), 1)
    centre = [np.bincount(ids, v) / count for v in (x, y)]
    step = np.stack([centre[0][ids] - x, centre[1][ids] - y]).reshape(2, *labels.shape)
    return np.where(labels > 0, step, 0.0).astype(np.float32)


def keep_samples(samples: Samples) -> None:
    """Writes `samples.npy` where it is not there."""
    path = WORK / "samples.npy"
    if path.exists():
        return
    n, size = len(samples), PLAN.size
    partial = path.with_suffix(".partial")
    kept = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=(n, Kept.PLANES, size, size))
    cut = slice(MARGIN, MARGIN + size)
    for i in range(n):
        image, labels = samples.picture(i)
        inside, distance, weight = targets(labels)
        boundary = (labels > 0) & (cv2.erode(split_edges(labels).astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
        step = np.clip(offsets(labels) / OFFSET_UNIT, -3.9, 3.9) * 32.0 + 128.0
        planes = [inside, distance * 255.0, weight * 50.0, boundary.astype(np.float32), step[0], step[1]]
        kept[i, :3] = image.transpose(2, 0, 1)[:, cut, cut]
        kept[i, 3:] = np.rint(np.stack(planes))[:, cut, cut].clip(0, 255).astype(np.uint8)
        if (i + 1) % 400 == 0:
            print(f"{i + 1} of {n} samples", flush=True)
    kept.flush()
    partial.replace(path)


def maps_of(net: NucleusNet, rgb: np.ndarray) -> np.ndarray:
    """The network over a whole field, padded to its stride."""
    height, width = rgb.shape[:2]
    pad = ((HALO, HALO + -height % 8), (HALO, HALO + -width % 8), (0, 0))
    image = np.pad(rgb, pad, mode="symmetric").astype(np.float32).transpose(2, 0, 1) / 255.0
    with torch.no_grad():
        out = net(network_input(torch.from_numpy(image[None].copy()), net.shape.inputs))[0].numpy()
    return out[:, HALO : HALO + height, HALO : HALO + width]


def found(maps: np.ndarray, outputs: str, p: HeadParameters) -> np.ndarray:
    """Instances out of any of the outputs."""
    if outputs == "offsets":
        return by_votes(maps, p)
    if outputs == "boundary":
        maps = np.stack([maps[0], maps[1] * (1.0 - 1.0 / (1.0 + np.exp(-maps[2])))])
    return instances(maps, p)


def by_votes(maps: np.ndarray, p: HeadParameters) -> np.ndarray:
    """Each pixel votes for its centre; each joins the peak nearest to where it points."""
    from scipy import ndimage, spatial

    inside = maps[0] > np.log(p.interior_threshold / (1.0 - p.interior_threshold))
    y, x = np.nonzero(inside)
    if len(y) == 0:
        return np.zeros(inside.shape, np.int32)
    to_x = x + maps[1][inside] * OFFSET_UNIT
    to_y = y + maps[2][inside] * OFFSET_UNIT
    votes = np.zeros(inside.shape, np.float32)
    height, width = inside.shape
    np.add.at(votes, (np.clip(np.rint(to_y), 0, height - 1).astype(int), np.clip(np.rint(to_x), 0, width - 1).astype(int)), 1.0)
    votes = ndimage.gaussian_filter(votes, 1.5)
    peaks = np.argwhere((votes == ndimage.maximum_filter(votes, 7)) & (votes > 0.8))
    if len(peaks) == 0:
        return np.zeros(inside.shape, np.int32)
    _, nearest = spatial.cKDTree(peaks).query(np.stack([to_y, to_x], 1))
    labels = np.zeros(inside.shape, np.int32)
    labels[inside] = nearest + 1
    return within_area(labels, p.min_area_um2, p.max_area_um2)


def accuracy(net: NucleusNet, sets: dict[str, list[Field]]) -> dict[str, dict[str, float]]:
    """Figures by set; the head's parameters are its defaults for every candidate."""
    p = HeadParameters(seed_threshold=0.45, seed_depth=0.2)
    table = {}
    for name, fields in sets.items():
        tally = Tally()
        for field in fields:
            tally.add(field.labels, found(maps_of(net, field.rgb), net.shape.outputs, p))
        table[name] = tally.row()
    return table


@dataclass
class Cost:
    """Milliseconds per megapixel of slide, halo included, one thread, by patch."""

    runtime: str
    patch: int
    ms: float


def costs(program: Path | None, net: NucleusNet) -> list[Cost]:
    """Asks `inference_cost` (an example of `pantrk-nn`) what the network costs."""
    if program is None:
        return []
    file = WORK / "candidate.onnx"
    onnx.save(to_onnx(net), file)
    command = [str(program), str(file), *map(str, PATCHES)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    rows = csv.DictReader(lines)
    return [Cost(r["runtime"], int(r["patch"]), float(r["ms_per_megapixel_of_slide"])) for r in rows]


def row_of(name: str, net: NucleusNet, table: dict[str, dict[str, float]], cost: list[Cost]) -> dict[str, object]:
    best = min(cost, key=lambda c: c.ms) if cost else None
    f50 = [r["F1@0.5"] for r in table.values()]
    f70 = [r["F1@0.7"] for r in table.values()]
    row: dict[str, object] = {
        "candidate": name,
        "parameters": sum(p.numel() for p in net.parameters()),
        "gflop_per_megapixel": round(gflop_per_megapixel(net), 1),
        "runtime": best.runtime if best else "",
        "patch": best.patch if best else "",
        "ms_per_megapixel_of_slide": round(best.ms, 1) if best else "",
        "mean_f1_iou50": round(float(np.mean(f50)), 4),
        "mean_f1_iou70": round(float(np.mean(f70)), 4),
    }
    row |= {f"f1_iou50 {k}": round(v["F1@0.5"], 3) for k, v in table.items()}
    return row


def plot(rows: list[dict[str, object]], out: Path) -> None:
    """Mean F1 against cost."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    timed = [r for r in rows if r["ms_per_megapixel_of_slide"] != ""]
    figure, axes = pyplot.subplots(figsize=(9, 5.5), layout="constrained")
    for r in timed:
        x, y = float(r["ms_per_megapixel_of_slide"]), float(r["mean_f1_iou50"])
        axes.plot(x, y, "o", color="#2c6fa3" if r["runtime"] == "direct" else "#b5651d")
        axes.annotate(str(r["candidate"]), (x, y), xytext=(6, 4), textcoords="offset points", fontsize=8)
    axes.axvline(120, color="#999999", linewidth=1, linestyle="--")
    axes.set_xscale("log")
    # Room for the label of the point furthest to the right.
    axes.margins(x=0.2)
    ticks = [t for t in (50, 70, 100, 150, 200, 300, 500, 700) if axes.get_xlim()[0] <= t <= axes.get_xlim()[1]]
    axes.set_xticks(ticks, [str(t) for t in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("ms per megapixel of slide at 0.5 µm/px, one thread, halo included (dashed: 120)")
    axes.set_ylabel(f"mean F1 at IoU 0.5 over held-out sets, {PLAN.steps} steps")
    axes.set_title("Blue: the program's own convolutions; brown: tract", fontsize=10)
    figure.savefig(out, dpi=130)


def rows_before() -> dict[str, dict[str, object]]:
    """What `sweep.csv` says already, by candidate."""
    path = HERE / "sweep.csv"
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {r["candidate"]: dict(r) for r in csv.DictReader(file)}


def write(rows: list[dict[str, object]]) -> None:
    with (HERE / "sweep.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    plot(rows, HERE / "sweep.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--phantoms", type=Path, required=True)
    parser.add_argument("--inference-cost", type=Path, help="the built example: target/release/examples/inference_cost")
    parser.add_argument("--only", nargs="*", help="candidates by name")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    WORK.mkdir(parents=True, exist_ok=True)
    training, _ = split(real_fields(args.data))
    phantoms = split(phantom_fields(args.phantoms))[0]
    keep_samples(Samples([take_apart(f) for f in training], phantoms, PLAN, 0))
    sets = validation_sets(args.data, args.phantoms)
    sets["phantoms"] = sets["phantoms"][::5][:PHANTOMS]
    before = rows_before()
    rows: list[dict[str, object]] = []
    for name, (shape, seed) in CANDIDATES.items():
        done = WORK / f"{name.replace('/', ':')}.json"
        if not done.exists():
            if name in before:
                rows.append(before[name])
            if name in before or (args.only and name not in args.only):
                continue
            print(name, flush=True)
            folder = WORK / name.replace("/", ":")
            folder.mkdir(exist_ok=True)
            plan = Plan(**{**vars(PLAN), "seed": seed})
            net = load_checkpoint(train(plan, shape, Kept, folder, 0, None))
            table = accuracy(net, sets)
            done.write_text(json.dumps(table, indent=1))
        elif args.inference_cost is None and name in before:
            # What was timed before stays.
            rows.append(before[name])
            continue
        net = load_checkpoint(WORK / name.replace("/", ":") / "checkpoint.pt")
        table = json.loads(done.read_text())
        rows.append(row_of(name, net, table, costs(args.inference_cost, net)))
        print(rows[-1], flush=True)
        write(rows + [before[n] for n in before if n not in {r["candidate"] for r in rows}])


if __name__ == "__main__":
    main()
