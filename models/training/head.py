"""Twin of the runtime's `interior-distance` head, for evaluation and for choosing its parameters.

Mask: interior probability at or above `interior_threshold`. Seeds: 8-connected pieces of the mask where
the distance map is at or above `seed_threshold`. Instances: watershed on the negated distance, from
the seeds, inside the mask. A piece of mask without a seed is dropped, or kept whole when
`keep_seedless` is set. Instances outside the area limits are dropped, last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

from data import MPP, compact

EIGHT = np.ones((3, 3), bool)


@dataclass(frozen=True)
class HeadParameters:
    """As under `[head.parameters]` in model.toml."""

    interior_threshold: float = 0.5
    seed_threshold: float = 0.5
    min_area_um2: float = 10.0
    max_area_um2: float = 400.0
    keep_seedless: bool = False

    def but(self, **changes: float | bool) -> HeadParameters:
        return replace(self, **changes)


def instances(maps: np.ndarray, p: HeadParameters) -> np.ndarray:
    """`[2,H,W]` network output to an instance mask."""
    mask = maps[0] >= np.log(p.interior_threshold / (1.0 - p.interior_threshold))
    seeds, n = ndimage.label(mask & (maps[1] >= p.seed_threshold), EIGHT)
    if p.keep_seedless:
        pieces, count = ndimage.label(mask, EIGHT)
        seeded = np.zeros(count + 1, bool)
        seeded[np.unique(pieces[seeds > 0])] = True
        seeded[0] = True
        lost = ~seeded[pieces]
        seeds = np.where(lost, pieces + n, seeds)
    labels = watershed(-maps[1], seeds, mask=mask)
    return within_area(labels, p.min_area_um2, p.max_area_um2)


def within_area(labels: np.ndarray, low_um2: float, high_um2: float) -> np.ndarray:
    """The instances whose area lies in the limits, ids 1..n."""
    area = np.bincount(labels.ravel()) * MPP * MPP
    keep = (area >= low_um2) & (area <= high_um2)
    keep[0] = False
    return compact(np.where(keep[labels], labels, 0))
