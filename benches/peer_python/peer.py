"""The pipeline that people write today, with our network: pixels, stains, nuclei, cells, percent.

    python benches/peer_python/peer.py SLIDE --model models/nucleus/weights.onnx

openslide-python reads, scikit-image separates the stains, ONNX Runtime runs the network, scikit-image's
watershed parts the nuclei and its regionprops measure them; two processes, one thread each.
It does less than pantrk: no sectors along membrane and nuclear rim, no quality checks, no background,
no result files. Prints one line of JSON.
"""

from __future__ import annotations

import os

# One thread per process: the processes are the parallelism.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import argparse
import json
import resource
import time
from multiprocessing import get_context

import numpy as np
import onnxruntime
import openslide
from scipy import ndimage
from skimage.color import separate_stains
from skimage.feature import peak_local_max
from skimage.filters import gaussian, threshold_otsu
from skimage.measure import regionprops_table
from skimage.morphology import remove_small_holes
from skimage.segmentation import expand_labels, find_boundaries, watershed

MPP = 0.5
CORE = 512
HALO = 32
# The H-DAB vectors that pantrk takes by default, normalised; rows: hematoxylin, DAB, residual.
VECTORS = np.array([[0.65111, 0.70119, 0.29049], [0.26917, 0.56824, 0.77759], [0.63298, -0.71281, 0.30201]])
INVERSE = np.linalg.inv(VECTORS)
INTERIOR = 0.0  # logit of 0.5
SEED = 0.45
AREA_PX = (40, 1600)
EXPANSION_PX = 10
POSITIVE_OD = 0.2

_state: dict = {}


def start(slide: str, model: str) -> None:
    """What a process keeps."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    _state["session"] = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    _state["slide"] = openslide.OpenSlide(slide)
    mpp = float(_state["slide"].properties[openslide.PROPERTY_NAME_MPP_X])
    _state["factor"] = round(MPP / mpp)


def read(x: int, y: int) -> np.ndarray:
    """A patch with its halo at 0.5 um/px, halved with Pillow's box filter."""
    factor, side = _state["factor"], CORE + 2 * HALO
    place = ((x - HALO) * factor, (y - HALO) * factor)
    picture = _state["slide"].read_region(place, 0, (side * factor, side * factor))
    return np.asarray(picture.convert("RGB").reduce(factor))


def nuclei(rgb: np.ndarray) -> np.ndarray:
    """Labels of the network's maps, by the rules of pantrk's head as scikit-image has them."""
    image = np.ascontiguousarray(rgb.transpose(2, 0, 1)[None], np.float32) / 255.0
    interior, distance = _state["session"].run(["maps"], {"image": image})[0][0]
    mask = remove_small_holes(interior > INTERIOR, max_size=AREA_PX[0])
    relief = gaussian(np.clip(distance, 0.0, 1.0), 1.0)
    peaks = peak_local_max(relief, min_distance=3, threshold_abs=SEED, labels=mask.astype(np.int32))
    markers = np.zeros(mask.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return watershed(-relief, markers, mask=mask)


def patch(place: tuple[int, int]) -> tuple[int, int, dict[str, float]]:
    """Cells and positive cells of one patch's core, and where the time went."""
    seconds = {}
    at = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal at
        now = time.perf_counter()
        seconds[name] = now - at
        at = now

    rgb = read(*place)
    lap("read")
    # separate_stains counts densities in units of six decades.
    stains = separate_stains(rgb, INVERSE) * 6.0
    dab = np.ascontiguousarray(stains[..., 1])
    lap("stains")
    labels = nuclei(rgb)
    lap("nuclei")
    if labels.max() == 0:
        return 0, 0, seconds
    cells = expand_labels(labels, EXPANSION_PX)
    cytoplasm = np.where(labels == 0, cells, 0)
    rim = np.where(find_boundaries(labels, mode="thick"), cells, 0)
    membrane = np.where(find_boundaries(cells, mode="inner"), cells, 0)
    table = regionprops_table(labels, dab, properties=("label", "centroid", "area", "perimeter", "intensity_mean"))
    top = int(table["label"].max()) + 1
    best = np.zeros(top)
    best[table["label"]] = table["intensity_mean"]
    for part in (cytoplasm, rim, membrane):
        measured = regionprops_table(part, dab, properties=("label", "area", "intensity_mean"))
        best[measured["label"]] = np.maximum(best[measured["label"]], measured["intensity_mean"])
    y, x = table["centroid-0"], table["centroid-1"]
    inside = (x >= HALO) & (x < HALO + CORE) & (y >= HALO) & (y < HALO + CORE)
    kept = inside & (table["area"] >= AREA_PX[0]) & (table["area"] <= AREA_PX[1])
    positive = kept & (best[table["label"]] >= POSITIVE_OD)
    lap("cells")
    return int(kept.sum()), int(positive.sum()), seconds


def tissue_patches(path: str) -> list[tuple[int, int]]:
    """Patches with tissue, by Otsu's threshold on the saturation of a thumbnail of 8 um/px."""
    slide = openslide.OpenSlide(path)
    mpp = float(slide.properties[openslide.PROPERTY_NAME_MPP_X])
    width, height = (round(side * mpp / MPP) for side in slide.dimensions)
    scale = 16
    small = slide.get_thumbnail((max(1, width // scale), max(1, height // scale)))
    rgb = np.asarray(small.convert("RGB")).astype(np.float32)
    saturation = rgb.max(axis=2) - rgb.min(axis=2)
    mask = ndimage.binary_opening(saturation > threshold_otsu(saturation), iterations=1)
    step = CORE // scale
    return [
        (x, y)
        for y in range(0, height, CORE)
        for x in range(0, width, CORE)
        if mask[y // scale : y // scale + step, x // scale : x // scale + step].any()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("slide")
    parser.add_argument("--model", required=True)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--every", type=int, default=1, help="of so many patches take one; seconds are multiplied")
    args = parser.parse_args()
    began = time.perf_counter()
    places = tissue_patches(args.slide)
    found = time.perf_counter()
    chosen = places[:: args.every]
    with get_context("spawn").Pool(args.processes, start, (args.slide, args.model)) as pool:
        results = list(pool.imap_unordered(patch, chosen, chunksize=1))
    ended = time.perf_counter()
    stages: dict[str, float] = {}
    for _, _, seconds in results:
        for name, value in seconds.items():
            stages[name] = stages.get(name, 0.0) + value
    share = len(places) / max(1, len(chosen))
    cells = sum(r[0] for r in results)
    positive = sum(r[1] for r in results)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + args.processes * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(
        json.dumps(
            {
                "what": "python peer",
                "processes": args.processes,
                "patches": len(places),
                "patches_run": len(chosen),
                "seconds": round((found - began) + (ended - found) * share, 3),
                "process_seconds": {name: round(value * share, 3) for name, value in stages.items()},
                "cells": round(cells * share),
                "positive_percent": round(100.0 * positive / max(1, cells), 2),
                "peak_rss_mib": memory // 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
