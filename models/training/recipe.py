"""The classical recipe that the network is held against, with the field's usual numbers.

Hematoxylin optical density (default H-DAB vectors), background by opening by reconstruction over
8 um, Gaussian of 1.5 um, Laplacian of Gaussian for the outline, mean density over 0.1, split by
shape, 10 to 400 um2. Written from the description of those steps; it is not any program's code,
and another implementation of the same description will differ by a little.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.morphology import disk, reconstruction
from skimage.segmentation import watershed

from data import MPP
from head import within_area

STAINS = np.array([[0.65111, 0.70119, 0.29049], [0.26917, 0.56824, 0.77759], [0.63304, -0.71286, 0.30181]])
BACKGROUND_UM = 8.0
SIGMA_UM = 1.5
THRESHOLD = 0.1
MAX_BACKGROUND = 2.0
EIGHT = np.ones((3, 3), bool)


def hematoxylin(rgb: np.ndarray) -> np.ndarray:
    od = np.maximum(0.0, -np.log10(np.maximum(rgb.astype(np.float64), 1.0) / 255.0))
    return (od @ np.linalg.inv(STAINS))[..., 0]


def cell_detection(rgb: np.ndarray, density: np.ndarray | None = None) -> np.ndarray:
    """Instance mask of a field at 0.5 um/px, on hematoxylin OD or on the density given."""
    density = hematoxylin(rgb) if density is None else density
    radius = round(BACKGROUND_UM / MPP)
    eroded = ndimage.minimum_filter(density, footprint=disk(radius))
    background = reconstruction(eroded, density, method="dilation")
    usable = background <= MAX_BACKGROUND
    lifted = density - background
    sigma = SIGMA_UM / MPP
    smooth = ndimage.gaussian_filter(lifted, sigma)
    mask = (ndimage.gaussian_laplace(lifted, sigma) < 0) & usable
    pieces, n = ndimage.label(mask, EIGHT)
    mean = ndimage.mean(smooth, pieces, np.arange(n + 1)) if n else np.zeros(1)
    mask = (np.nan_to_num(mean) >= THRESHOLD)[pieces] & (pieces > 0)
    mask = ndimage.binary_fill_holes(mask)
    inner = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), 1.0)
    peaks = peak_local_max(inner, min_distance=3, labels=ndimage.label(mask, EIGHT)[0], exclude_border=False)
    seeds = np.zeros(mask.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return within_area(watershed(-inner, seeds, mask=mask), 10.0, 400.0)
