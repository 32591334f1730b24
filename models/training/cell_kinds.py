"""Makes the coefficients of assets/cells/kinds.toml and measures them.

The phantoms, made and scored by the program itself:

    pantrk eval phantoms --suite presets --slides 10 --keep-slides --out work/presets
    for s in work/presets/slides/*.svs; do
        pantrk score $s --regions ${s%.svs}.given.geojson --out work/scored; done

The NuCLS fields (optional), each `name.png` with `name_labels.png` and `name_classes.csv`:

    for f in nucls/*_classes.csv; do
        pantrk score ${f%_classes.csv}.png --mpp 0.22 --assume-h-dab --out work/nucls; done

    python cell_kinds.py work/presets/slides work/scored [nucls work/nucls]

Needs numpy, pandas, pyarrow and Pillow. Prints what the table holds.
"""

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

KINDS = ["tumour", "lymphocyte", "stroma"]
NEIGHBOURHOOD_UM = 30.0
MATCH_UM = 3.0
NUCLS_MPP = 0.22
# Its tumour is made of spindle cells, which this model does not set out to tell from stroma.
LEFT_OUT = "presets-0005"


def near(points, places, reach):
    """For each point, the indices of the places within reach."""
    squares = defaultdict(list)
    for k, (x, y) in enumerate(places):
        squares[int(x // reach), int(y // reach)].append(k)
    for x, y in points:
        i, j = int(x // reach), int(y // reach)
        found = [k for u in (-1, 0, 1) for v in (-1, 0, 1) for k in squares.get((i + u, j + v), ())]
        found = np.array(found, int)
        away = np.hypot(places[found, 0] - x, places[found, 1] - y)
        yield found[away <= reach], away[away <= reach]


def features(cells):
    places = cells[["x_um", "y_um"]].to_numpy(float)
    ln_area = np.log(cells.nucleus_area_um2.to_numpy(float).clip(1))
    ratio = np.log(cells.cell_area_um2.to_numpy(float).clip(1)) - ln_area
    circularity = cells.circularity.to_numpy(float)
    hematoxylin = cells.nucleus_hematoxylin_od.to_numpy(float)
    texture = cells.nucleus_hematoxylin_cv.to_numpy(float)
    rows = []
    for k, (found, _) in enumerate(near(places, places, NEIGHBOURHOOD_UM)):
        others = found[found != k]
        mean = lambda column: column[others].mean() if len(others) else column[k]
        textures = texture[others[np.isfinite(texture[others])]]
        near_texture = textures.mean() if len(textures) else 0
        rows.append([
            ln_area[k],
            circularity[k],
            hematoxylin[k] - mean(hematoxylin),
            ratio[k],
            np.log1p(len(others)),
            mean(ln_area),
            mean(circularity),
            ln_area[k] - mean(ln_area),
            ln_area[k] ** 2 / 10,
            # A ratio, because focus and optics take from all of a neighbourhood's texture alike.
            np.log(texture[k] / near_texture) if texture[k] > 0 and near_texture > 0 else 0,
        ])
    return np.array(rows)


def phantoms(slides, scored):
    x, y, group = [], [], []
    for path in sorted(Path(slides).glob("*.truth.cells.csv")):
        stem = path.name.removesuffix(".truth.cells.csv")
        if stem == LEFT_OUT:
            continue
        truth = pd.read_csv(path)
        truth = truth[truth.kind.isin(KINDS) & truth.clear_of_artefacts.astype(bool)]
        cells = pd.read_parquet(Path(scored) / stem / "cells.parquet")
        described = features(cells)
        places = cells[["x_um", "y_um"]].to_numpy(float)
        for kind, (found, away) in zip(truth.kind, near(truth[["x_um", "y_um"]].to_numpy(float), places, MATCH_UM)):
            if len(found):
                x.append(described[found[away.argmin()]])
                y.append(KINDS.index(kind))
                group.append(stem)
    return np.array(x), np.array(y), np.array(group)


def nucls(fields, scored):
    x, tumour = [], []
    for path in sorted(Path(fields).glob("*_classes.csv")):
        name = path.name.removesuffix("_classes.csv")
        cells = pd.read_parquet(Path(scored) / name / "cells.parquet")
        if len(cells) < 3:
            continue
        labels = np.asarray(Image.open(path.with_name(name + "_labels.png")))
        classes = pd.read_csv(path).set_index("label")["class"]
        for row, u, v in zip(features(cells), cells.x_um / NUCLS_MPP, cells.y_um / NUCLS_MPP):
            if int(v) < labels.shape[0] and int(u) < labels.shape[1] and labels[int(v), int(u)] in classes.index:
                x.append(row)
                tumour.append(classes[labels[int(v), int(u)]] == 2)
    return np.array(x), np.array(tumour)


def on_nucls_outlines(fields):
    """How far single features tell the classes apart within fields when people drew the outlines: areas under the curve."""
    won, pairs = np.zeros(4), 0
    for path in sorted(Path(fields).glob("*_classes.csv")):
        name = path.name.removesuffix("_classes.csv")
        labels = np.asarray(Image.open(path.with_name(name + "_labels.png")))
        light = np.asarray(Image.open(path.with_name(name + ".png")).convert("RGB"), float).clip(1)
        density = -np.log10(light / np.percentile(light, 99, axis=(0, 1))).sum(2)
        described = []
        classes = pd.read_csv(path)
        for label in classes.label:
            nucleus = labels == label
            edges = sum((nucleus != np.roll(nucleus, s, axis)).sum() for s, axis in ((1, 0), (1, 1)))
            inside = density[nucleus]
            area = nucleus.sum() * NUCLS_MPP**2
            described.append([area, nucleus.sum() / edges**2, inside.mean(), inside.std() / inside.mean()])
        described, tumour = np.array(described), (classes["class"] == 2).to_numpy()
        a, b = described[tumour][:, None], described[~tumour][None]
        won += (a > b).sum((0, 1)) + (a == b).sum((0, 1)) / 2
        pairs += tumour.sum() * (~tumour).sum()
    return won / pairs


def fit(x, y, rounds=3000, penalty=1e-3):
    """Multinomial logistic regression, every class of the same weight; constants and coefficients."""
    mean, spread = x.mean(0), x.std(0)
    z = np.c_[(x - mean) / spread, np.ones(len(x))]
    weight = (1 / np.bincount(y, minlength=len(KINDS)))[y] / len(KINDS)
    target = np.eye(len(KINDS))[y]
    w, step = np.zeros((z.shape[1], len(KINDS))), np.zeros((z.shape[1], len(KINDS)))
    for _ in range(rounds):
        p = np.exp(z @ w - (z @ w).max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        step = 0.9 * step - 0.5 * (z.T @ ((p - target) * weight[:, None]) + penalty * w)
        w = w + step
    return w[-1] - (mean / spread) @ w[:-1], w[:-1] / spread[:, None]


def told(model, x, is_tumour):
    said = (model[0] + x @ model[1]).argmax(1) == 0
    return 100 * said[is_tumour].mean(), 100 * (~said[~is_tumour]).mean()


def main():
    x, y, group = phantoms(sys.argv[1], sys.argv[2])
    said = np.empty(len(y), int)
    for stem in sorted(set(group)):
        constant, coefficients = fit(x[group != stem], y[group != stem], rounds=800)
        said[group == stem] = (constant + x[group == stem] @ coefficients).argmax(1)
    model = fit(x, y)
    for k, kind in enumerate(KINDS):
        print(kind, f"constant = {model[0][k]:.4f}", [round(float(v), 4) for v in model[1][:, k]])
    tumour = y == 0
    print(f"phantoms, left out in turn, {len(y)} cells: tumour told {100 * (said[tumour] == 0).mean():.1f} %, "
          f"others told {100 * (said[~tumour] != 0).mean():.1f} %")
    if len(sys.argv) > 4:
        x, tumour = nucls(sys.argv[3], sys.argv[4])
        print(f"NuCLS, {len(x)} cells: tumour told %.1f %%, others told %.1f %%" % told(model, x, tumour))
        print("NuCLS, outlines drawn by people: area, roundness, density and texture tell the classes apart by",
              on_nucls_outlines(sys.argv[3]).round(2))


main()
