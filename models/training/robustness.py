"""What networks find in held-out fields whose colours, density or sharpness were changed.

    python models/training/robustness.py --data ../shared/data WEIGHTS.onnx [OTHER.onnx ...]

Prints F1@0.5 of each network for each change, on the real held-out fields and on 14 of them
re-rendered as H-DAB in five patterns. Changes are seeded by the field: each network sees the same.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from augment import estranged, rendered_field
from data import Field, is_grey, real_fields, split
from evaluate import Network, Tally, at_model_scale, instances, manifest_parameters
from export import MODEL_DIR

RENDERINGS = (("negative", 1), ("cytoplasmic", 1), ("membranous", 1), ("nuclear", 1), ("cytoplasmic-membranous", 2))
"""Pattern and grade (1 is 2+)."""

Change = Callable[[np.random.Generator, np.ndarray], np.ndarray]


def by_density(change: Change) -> Change:
    """A change of the optical density against the field's own white, as one of the picture."""

    def of_picture(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
        white = np.percentile(rgb.reshape(-1, 3), 99, axis=0)
        od = np.maximum(0, -np.log10(np.maximum(rgb.astype(np.float32), 1) / white))
        return np.clip(white * 10 ** -np.maximum(change(rng, od), 0), 0, 255).astype(np.uint8)

    return of_picture


CHANGES: dict[str, Change] = {
    "none": lambda rng, rgb: rgb,
    "channels of the optical density mixed (normal, 0.15)": by_density(lambda rng, od: od @ (np.eye(3) + rng.normal(0, 0.15, (3, 3)))),
    "coloured light (each channel 0.75 to 1)": lambda rng, rgb: (rgb * rng.uniform(0.75, 1, 3)).astype(np.uint8),
    "as strange as in training": by_density(estranged),
    "0.4 times the density": by_density(lambda rng, od: od * 0.4),
    "1.7 times the density": by_density(lambda rng, od: od * 1.7),
    "blur of 0.8 um": lambda rng, rgb: cv2.GaussianBlur(rgb, (0, 0), 1.6),
    "noise (standard deviation 12 of 255)": lambda rng, rgb: np.clip(rgb + rng.normal(0, 12, rgb.shape), 0, 255).astype(np.uint8),
}


def f1(network: Network, fields: list[Field], change: Change) -> float:
    parameters, tally = manifest_parameters(MODEL_DIR / "model.toml"), Tally()
    for i, field in enumerate(fields):
        rgb = change(np.random.default_rng(100 + i), field.rgb)
        tally.add(field.labels, instances(network.maps(rgb), parameters))
    return tally.row()["F1@0.5"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("weights", type=Path, nargs="+")
    args = parser.parse_args()
    real = [at_model_scale(f) for f in split(real_fields(args.data))[1]]
    tissue = [f for f in real if not is_grey(f)]
    drawn = [(f, *rendering) for f in tissue for rendering in RENDERINGS]
    dab = [rendered_field(np.random.default_rng(i), *what) for i, what in enumerate(drawn)]
    networks = [Network(path) for path in args.weights]
    print("| Change | real | DAB |\n|---|---|---|")
    for name, change in CHANGES.items():
        cells = [", ".join(f"{f1(network, fields, change):.3f}" for network in networks) for fields in (real, dab)]
        print(f"| {name} | {cells[0]} | {cells[1]} |", flush=True)


if __name__ == "__main__":
    main()
