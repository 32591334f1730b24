"""Twin of the runtime's `interior-distance` head, for evaluation and for choosing its parameters.

The mask is where the interior probability is above `interior_threshold`, small holes filled. The distance
map, clamped to 0..1 and lightly smoothed, is flooded from its highest pixel down. Where two basins
meet, the lower one joins the higher one unless its peak reaches `seed_threshold` and rises `seed_depth`
above the pass. Basins without a peak of `seed_threshold` and those outside the area limits are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from data import MPP, compact

LEVELS = 1000
"""Steps that the distance's 0 to 1 is cut into."""


@dataclass(frozen=True)
class HeadParameters:
    """As under `[head.parameters]` in model.toml; what is not stated there has these values."""

    interior_threshold: float = 0.5
    seed_threshold: float = 0.4
    seed_depth: float = 0.1
    seed_smoothing: float = 1.0  # standard deviation in px
    max_hole_um2: float = 10.0
    min_area_um2: float = 10.0
    max_area_um2: float = 400.0

    def but(self, **changes: float) -> HeadParameters:
        return replace(self, **changes)


def instances(maps: np.ndarray, p: HeadParameters) -> np.ndarray:
    """`[2,H,W]` network output to an instance mask."""
    mask = maps[0] > np.log(p.interior_threshold / (1.0 - p.interior_threshold))
    mask = fill_holes(mask, p.max_hole_um2 / (MPP * MPP))
    relief = np.clip(maps[1], 0.0, 1.0)
    if p.seed_smoothing > 0:
        relief = ndimage.gaussian_filter(relief, p.seed_smoothing, mode="nearest", truncate=3.0)
    levels = np.where(mask, 1 + (relief * LEVELS + 0.5).astype(np.int64), 0)
    labels = flood(levels, 1 + round(p.seed_threshold * LEVELS), round(p.seed_depth * LEVELS))
    return within_area(labels, p.min_area_um2, p.max_area_um2)


def fill_holes(mask: np.ndarray, largest_px: float) -> np.ndarray:
    holes, n = ndimage.label(~mask)
    if n == 0:
        return mask
    area = np.bincount(holes.ravel())
    small = area <= largest_px
    small[0] = False
    edge = np.concatenate([holes[0], holes[-1], holes[:, 0], holes[:, -1]])
    small[edge] = False
    return mask | small[holes]


def flood(levels: np.ndarray, min_peak: int, min_depth: int) -> np.ndarray:
    """Basins of a relief, highest pixel first; level 0 is background. Plain Python: exact, not fast."""
    height, width = levels.shape
    stride = width + 1
    relief = np.zeros((height + 2, stride), np.int64)
    relief[1:-1, :width] = levels
    flat = relief.ravel()
    order = np.argsort(-flat, kind="stable")[: int((flat > 0).sum())].tolist()
    level_of = flat.tolist()
    label = [0] * len(level_of)
    parent, peak = [0], [0]

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for pixel in order:
        near = [q for q in (pixel - stride, pixel - 1, pixel + 1, pixel + stride) if label[q]]
        if not near:
            parent.append(len(parent))
            peak.append(level_of[pixel])
            label[pixel] = len(parent) - 1
            continue
        # The first of the highest neighbours names the pixel.
        best = root(label[max(near, key=lambda q: level_of[q])])
        for q in near:
            other = root(label[q])
            if other == best:
                continue
            high, low = (best, other) if (peak[best], other) > (peak[other], best) else (other, best)
            if peak[low] >= min_peak and peak[low] - level_of[pixel] >= min_depth:
                continue
            parent[low] = high
            best = high
        label[pixel] = best
    kept = np.array([root(i) if peak[root(i)] >= min_peak else 0 for i in range(len(parent))])
    labels = kept[np.array(label)].reshape(relief.shape)[1:-1, :width]
    return labels.astype(np.int32)


def within_area(labels: np.ndarray, low_um2: float, high_um2: float) -> np.ndarray:
    """The instances whose area lies in the limits, ids 1..n."""
    area = np.bincount(labels.ravel()) * MPP * MPP
    keep = (area >= low_um2) & (area <= high_um2)
    keep[0] = False
    return compact(np.where(keep[labels], labels, 0))
