"""What decoding JPEG at half size does to optical densities, and how much faster it is.

    pip install -r benches/half_size/requirements.txt
    python3 benches/half_size/half_size.py SLIDE.svs ...

A tiled TIFF's tiles are decoded whole and, by leaving out the higher frequencies, at half size, both by the libjpeg-turbo that Pillow carries.
Three ways to a pixel of twice the size are compared:
    first   the optical density of each pixel, then the mean of four (what pantrk does)
    light   the mean of four pixels' light, then its optical density
    half    the optical density of the half-size decode
The figures are differences of mean stain densities from the first, over tissue and over what reads as stained by the mean of the first and the last, so that the choice of pixels favours neither.
"""

import io
import sys
import time

import numpy as np
import tifffile
from PIL import Image

# QuPath's H-DAB vectors.
VECTORS = np.array([[0.65, 0.70, 0.29], [0.27, 0.57, 0.78]])
MOST_TILES = 400
LEAST_PIXELS = 1000
ROUNDS = 5
# An Adobe segment that says: no colour transform.
ADOBE_RGB = bytes.fromhex("ffee000e41646f626500640000000000")


def unmixing():
    h, d = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    residual = np.cross(h, d)
    return np.linalg.inv(np.array([h, d, residual / np.linalg.norm(residual)]))


def streams(path):
    """JPEG streams of up to MOST_TILES tiles of the first page, drawn at random."""
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        tables = page.tags.get("JPEGTables")
        order = np.random.default_rng(3).permutation(len(page.dataoffsets))
        for index in order[:MOST_TILES]:
            if page.databytecounts[index] == 0:
                continue
            file.filehandle.seek(page.dataoffsets[index])
            stream = file.filehandle.read(page.databytecounts[index])
            if tables is not None:
                stream = tables.value[:-2] + stream[2:]
            if page.photometric == tifffile.PHOTOMETRIC.RGB and b"Adobe" not in stream[:300]:
                stream = stream[:2] + ADOBE_RGB + stream[2:]
            yield stream


def decode(stream, half):
    image = Image.open(io.BytesIO(stream))
    if half:
        image.draft("RGB", ((image.width + 1) // 2, (image.height + 1) // 2))
    return np.asarray(image.convert("RGB"))


def mean_of_four(values):
    rows, columns, channels = values.shape
    return values.reshape(rows // 2, 2, columns // 2, 2, channels).mean((1, 3))


def density(light, white):
    return -np.log10(np.maximum(light, 1.0) / white)


def megapixels_per_second(tiles, half):
    pixels = sum(image.width * image.height for image in (Image.open(io.BytesIO(t)) for t in tiles))
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for tile in tiles:
            decode(tile, half)
        best = min(best, time.process_time() - start)
    return pixels / 1e6 / best


def compare(path):
    tiles = list(streams(path))
    whole = [decode(tile, False) for tile in tiles]
    sample = np.concatenate([picture.reshape(-1, 3)[::17] for picture in whole])
    white = np.percentile(sample, 99.5, axis=0).clip(200, 255)
    stains = []
    for tile, picture in zip(tiles, whole):
        light = picture.astype(float)
        if light.shape[0] % 2 or light.shape[1] % 2:
            continue
        ways = (
            mean_of_four(density(light, white)),
            density(mean_of_four(light), white),
            density(decode(tile, True).astype(float), white),
        )
        stains.append(np.stack([way.reshape(-1, 3) @ unmixing() for way in ways]))
    (h, d), (h_light, d_light), (h_half, d_half) = (way[:, :2].T for way in np.concatenate(stains, axis=1))
    tissue = np.maximum(h, 0) + np.maximum(d, 0) > 0.1
    print(path)
    for name, mask in [("tissue", tissue)] + [(f"DAB >= {least}", tissue & ((d + d_half) / 2 >= least)) for least in (0.2, 0.4, 0.6)]:
        if mask.sum() >= LEAST_PIXELS:
            print(
                f"  {name:10} {mask.sum():8d} px  DAB first {d[mask].mean():.4f}"
                f"  light {(d_light - d)[mask].mean():+.4f}  half {(d_half - d)[mask].mean():+.4f}"
                f"  hematoxylin half {(h_half - h)[mask].mean():+.4f}"
            )
    for half in (False, True):
        speed = megapixels_per_second(tiles, half)
        print(f"  {'half' if half else 'whole'}: {speed:.0f} megapixels of level 0 per second of processor time")


for argument in sys.argv[1:]:
    compare(argument)
