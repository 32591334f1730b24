"""From a field to a training sample: geometry, stain re-rendering, optics and compression.

Real chromatin and real outlines are kept; the stain is what changes. Each field is taken apart
once into hematoxylin and counterstain; a sample is then put together again as H&E, or as H-DAB
with brown painted around the real masks (Beer-Lambert: optical densities add).
All randomness comes from the generator that is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from data import Field, compact, distance_target, gap_weight, is_grey, median_diameter, nearest_nucleus, rescale

HEMATOXYLIN = np.array([0.65111, 0.70119, 0.29049], np.float32)
DAB = np.array([0.26917, 0.56824, 0.77759], np.float32)
EOSIN = np.array([0.2159, 0.8012, 0.5581], np.float32)

BASE_DIAMETER = 40.0
"""Fields are stored with a median nuclear diameter of at most this many px: finer is not needed."""

MARGIN = 24
"""Extra px around a sample while it is painted, so that nuclei cut by its edge know their size."""

PATTERNS = {
    # name: (probability, compartments that are painted)
    "negative": (0.15, ()),
    "cytoplasmic": (0.20, ("cytoplasm",)),
    "membranous": (0.10, ("membrane",)),
    "cytoplasmic-membranous": (0.15, ("cytoplasm", "membrane")),
    "nuclear": (0.20, ("nucleus",)),
    "nuclear-cytoplasmic": (0.10, ("nucleus", "cytoplasm")),
    "rim": (0.05, ("rim",)),
    "granular": (0.05, ("granules",)),
}

STRANGE = 0.25
"""Share of samples whose colours are drawn far beyond what laboratories make."""

GRADES = ((0.10, 0.30), (0.30, 0.65), (0.65, 1.40))
"""DAB optical density of 1+, 2+ and 3+ as painted."""


@dataclass
class Stained:
    """A field taken apart; hematoxylin and counterstain are 1 on average where they matter."""

    field: Field
    od: np.ndarray  # [H,W,3] float32, against the field's own white
    hematoxylin: np.ndarray  # [H,W] float32
    counterstain: np.ndarray  # [H,W] float32, all zero where the field has one stain only


def take_apart(field: Field) -> Stained:
    """Two-stain unmixing whose vectors come from the field's own masks."""
    if field.diameter > BASE_DIAMETER:
        field = rescale(field, BASE_DIAMETER / field.diameter)
    rgb = field.rgb.astype(np.float32)
    white = np.percentile(rgb.reshape(-1, 3), 99.0, axis=0).astype(np.float32)
    od = np.maximum(0.0, -np.log10(np.maximum(rgb, 1.0) / np.maximum(white, 1.0)))
    inside = field.labels > 0
    outside = cv2.dilate(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    stained_outside = outside & (od.sum(-1) > 0.12)
    h = od[inside].mean(0) if inside.any() else HEMATOXYLIN
    h = h / max(float(np.linalg.norm(h)), 1e-6)
    e = od[stained_outside].mean(0) if stained_outside.sum() > 200 else h
    e = e / max(float(np.linalg.norm(e)), 1e-6)
    if float(h @ e) < np.cos(np.deg2rad(9.0)):
        # Nuclei in section carry counterstain too, so the pure nuclear direction lies beyond h.
        pure = h + 0.35 * (h - e)
        pure = np.clip(pure / np.linalg.norm(pure), 0.0, 1.0)
        both = np.stack([pure, e], 1)
        amounts = od.reshape(-1, 3) @ np.linalg.pinv(both).T.astype(np.float32)
        hema = np.maximum(amounts[:, 0], 0).reshape(inside.shape)
        counter = np.maximum(amounts[:, 1], 0).reshape(inside.shape)
    else:
        hema, counter = od @ h, np.zeros(inside.shape, np.float32)
    hema = hema / max(float(hema[inside].mean()) if inside.any() else 1.0, 1e-3)
    if counter.max() > 0:
        counter = counter / max(float(np.percentile(counter, 90)), 1e-3)
    return Stained(field, od.astype(np.float32), hema.astype(np.float32), np.clip(counter, 0, 3).astype(np.float32))


def smooth_noise(rng: np.random.Generator, size: int, sigma: float) -> np.ndarray:
    """Gaussian noise of the given correlation length, zero mean, unit variance."""
    coarse = max(4, int(np.ceil(size / max(sigma, 1.0))) + 3)
    grid = rng.standard_normal((coarse, coarse)).astype(np.float32)
    field = cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC) if sigma > 1.0 else rng.standard_normal((size, size)).astype(np.float32)
    return (field - field.mean()) / (field.std() + 1e-6)


def geometry(rng: np.random.Generator, field: Field, size: int) -> np.ndarray:
    """Affine matrix, sample px to field px: rotation, flip, scale, stretch, position."""
    native = field.diameter if field.diameter > 0 else 16.0
    # Medians of 5 to 12.5 um mostly, up to 20 um in one sample of ten. Smears stay below: their
    # single cells, drawn large, would teach that whole cells are nuclei.
    large = rng.random() < 0.1 and not is_grey(field)
    low, high = (25.0, 40.0) if large else (10.0, 25.0)
    target = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    # What is drawn larger than it was photographed holds no more detail, as a blurred slide.
    target = min(target, 2.0 * native)
    zoom = native / target
    stretch = float(np.exp(abs(rng.normal(0, 0.12)))) if rng.random() > 0.15 else float(rng.uniform(1.4, 2.2))
    angle, tilt = rng.uniform(0, 2 * np.pi, 2)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    lean = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    matrix = zoom * lean @ np.diag([np.sqrt(stretch), 1 / np.sqrt(stretch)]) @ lean.T @ turn @ np.diag([flip, 1.0])
    height, width = field.labels.shape
    if field.diameter > 0 and rng.random() < 0.85:
        # Around a nucleus: some fields are mostly empty glass.
        ys, xs = np.nonzero(field.labels)
        i = int(rng.integers(len(ys)))
        centre = np.array([xs[i], ys[i]], float) + rng.uniform(-0.3, 0.3, 2) * size * zoom
    else:
        centre = rng.uniform(0, 1, 2) * (width, height)
    half = size / 2.0
    offset = centre - matrix @ np.array([half, half])
    return np.concatenate([matrix, offset[:, None]], 1)


def warp(plane: np.ndarray, matrix: np.ndarray, size: int, nearest: bool = False) -> np.ndarray:
    """The sample's view of a plane of the field; beyond the field's edge it is mirrored."""
    flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR)
    zoom = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if not nearest and zoom > 1.3:
        plane = cv2.GaussianBlur(plane, (0, 0), 0.35 * zoom)
    return cv2.warpAffine(plane, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REFLECT)


def jitter(rng: np.random.Generator, vector: np.ndarray, spread: float) -> np.ndarray:
    moved = np.clip(vector + rng.normal(0, spread, 3), 0.02, 1.0).astype(np.float32)
    return moved / np.linalg.norm(moved)


def per_cell(rng: np.random.Generator, labels: np.ndarray, fraction: float, grade: tuple[float, float]) -> np.ndarray:
    """DAB density per nucleus id, 0 for negative ones; positive cells lie in patches."""
    n = int(labels.max()) + 1
    size = labels.shape[0]
    amounts = np.exp(rng.normal(np.log(np.sqrt(grade[0] * grade[1])), 0.25, n)).astype(np.float32)
    level = smooth_noise(rng, size, rng.uniform(30, 120)) + rng.uniform(0, 0.8) * smooth_noise(rng, size, 3.0)
    counts = np.maximum(np.bincount(labels.ravel(), minlength=n), 1)
    mean = np.bincount(labels.ravel(), weights=level.ravel(), minlength=n) / counts
    if n > 1:
        amounts[mean < np.quantile(mean[1:], 1.0 - fraction)] = 0.0
    amounts[0] = 0.0
    return amounts


@dataclass
class Brown:
    """DAB density and how much of the hematoxylin it hides."""

    dab: np.ndarray
    hidden: np.ndarray


def paint(rng: np.random.Generator, labels: np.ndarray, hema: np.ndarray, compartments: tuple[str, ...], grade: tuple[float, float], fraction: float) -> Brown:
    """Brown in the named compartments of a fraction of the cells."""
    size = labels.shape[0]
    inside = (labels > 0).astype(np.float32)
    soft = cv2.GaussianBlur(inside, (0, 0), 0.7)
    dist, owner = nearest_nucleus(labels)
    amounts = per_cell(rng, labels, fraction, grade)
    reach = np.exp(rng.uniform(np.log(4.0), np.log(28.0))) * (1.0 + 0.2 * smooth_noise(rng, size, 8.0))
    cell = dist < reach
    near = cv2.GaussianBlur(amounts[np.where(cell, owner, 0)], (0, 0), rng.uniform(0.5, 1.5))
    dab = np.zeros(labels.shape, np.float32)
    if "cytoplasm" in compartments:
        texture = 1.0 + rng.uniform(0.05, 0.4) * smooth_noise(rng, size, 2.5) + rng.uniform(0, 0.35) * smooth_noise(rng, size, 9.0)
        # A section is thicker than a nucleus's edge: some brown lies above and below it.
        over = rng.uniform(0.0, 0.75)
        dab += near * np.maximum(texture, 0.05) * (1.0 - (1.0 - over) * soft)
    if "membrane" in compartments:
        cells = np.where(cell, owner, 0)
        edge = np.zeros(labels.shape, np.uint8)
        edge[:-1] |= cells[:-1] != cells[1:]
        edge[:, :-1] |= cells[:, :-1] != cells[:, 1:]
        if edge.any():
            line = cv2.distanceTransform(1 - edge, cv2.DIST_L2, 3)
            broken = np.clip(1.0 + rng.uniform(0, 0.7) * smooth_noise(rng, size, 6.0), 0, 1.6)
            strength = cv2.GaussianBlur(cv2.dilate(near, np.ones((3, 3), np.uint8)), (0, 0), 1.0)
            dab += rng.uniform(0.8, 1.8) * strength * broken * np.exp(-((line / rng.uniform(0.8, 2.2)) ** 2))
    if "granules" in compartments:
        grains = smooth_noise(rng, size, rng.uniform(1.2, 2.5)) > rng.uniform(0.8, 1.6)
        dab += 1.3 * near * cv2.GaussianBlur(grains.astype(np.float32), (0, 0), 0.6) * (1.0 - 0.7 * soft)
    if "rim" in compartments:
        inner = cv2.distanceTransform((labels > 0).astype(np.uint8), cv2.DIST_L2, 3)
        dab += near * np.exp(-(((inner + dist - 0.5) / rng.uniform(1.0, 2.0)) ** 2))
    hidden = np.zeros(labels.shape, np.float32)
    if "nucleus" in compartments:
        own = cv2.GaussianBlur(amounts[labels], (0, 0), 0.6)
        keep = rng.uniform(0.0, 0.8)
        dab += own * soft * (keep + (1.0 - keep) * np.clip(hema, 0.2, 2.0))
        hidden = np.clip(own * rng.uniform(0.2, 2.0), 0, 0.95)
    return Brown(dab, hidden)


def distractors(rng: np.random.Generator, size: int, hema: np.ndarray, dab: np.ndarray) -> None:
    """Things that are not nuclei, into the stain planes: blotches, debris, pigment, haze."""
    if rng.random() < 0.35:
        # Broader than nuclei: blotches of a nucleus's size would teach that pale nuclei are none.
        hema += rng.uniform(0.02, 0.20) * np.maximum(smooth_noise(rng, size, rng.uniform(14, 60)), 0)
    if rng.random() < 0.35:
        dab += rng.uniform(0.02, 0.12) + rng.uniform(0, 0.08) * np.maximum(smooth_noise(rng, size, rng.uniform(4, 50)), 0)
    if rng.random() < 0.12:
        # Stained matrix or secretion: brown without nuclei.
        fibre = np.maximum(smooth_noise(rng, size, rng.uniform(12, 50)) - rng.uniform(0.0, 1.0), 0)
        dab += rng.uniform(0.1, 0.8) * np.minimum(fibre, 1.0)


def specks(rng: np.random.Generator, od: np.ndarray) -> None:
    """A few opaque grains, smaller than a nucleus, black or brown."""
    size = od.shape[0]
    for _ in range(int(rng.integers(1, 8))):
        x, y = (int(v) for v in rng.integers(0, size, 2))
        blob = np.zeros((size, size), np.float32)
        cv2.circle(blob, (x, y), int(rng.integers(1, 4)), 1.0, -1)
        colour = jitter(rng, DAB if rng.random() < 0.5 else np.array([0.577, 0.577, 0.577], np.float32), 0.05)
        od += rng.uniform(0.5, 1.8) * cv2.GaussianBlur(blob, (0, 0), 0.7)[..., None] * colour


def as_ihc(rng: np.random.Generator, hema: np.ndarray, counter: np.ndarray, labels: np.ndarray, pattern: str | None = None, grade: int | None = None) -> np.ndarray:
    """Optical density of an H-DAB rendering with a drawn or given pattern and grade (0, 1, 2)."""
    size = labels.shape[0]
    if pattern is None:
        names = list(PATTERNS)
        chances = np.array([PATTERNS[n][0] for n in names])
        pattern = names[int(rng.choice(len(names), p=chances / chances.sum()))]
    if grade is None:
        grade = int(rng.integers(3))
    fraction = float(rng.choice([1.0, rng.uniform(0.05, 1.0)]))
    brown = paint(rng, labels, hema, PATTERNS[pattern][1], GRADES[grade], fraction)
    inside = cv2.GaussianBlur((labels > 0).astype(np.float32), (0, 0), 1.0)
    strength = float(np.exp(rng.uniform(np.log(0.12), np.log(0.85))))
    contrast = rng.uniform(0.4, 1.3)
    nuclear = np.power(np.maximum(hema, 1e-3), contrast)
    ground = rng.uniform(0.0, 0.5)
    blue = strength * np.minimum(nuclear, 2.5) * (ground + (1.0 - ground) * inside)
    # Nuclei of one field differ in strength; pale ones are the ones that get lost.
    vary = np.exp(rng.normal(0, rng.uniform(0.0, 0.45), int(labels.max()) + 1)).astype(np.float32)
    vary[0] = 1.0
    blue *= cv2.GaussianBlur(vary[labels], (0, 0), 0.7) * (1.0 - brown.hidden)
    blue += strength * rng.uniform(0.0, 0.25) * counter * (1.0 - inside)
    dab = brown.dab + rng.uniform(0.0, 0.12) * counter * (rng.random() < 0.3)
    distractors(rng, size, blue, dab)
    return blue[..., None] * jitter(rng, HEMATOXYLIN, 0.05) + dab[..., None] * jitter(rng, DAB, 0.05)


def as_he(rng: np.random.Generator, hema: np.ndarray, counter: np.ndarray) -> np.ndarray:
    """Optical density of an H&E rendering with drawn vectors and strengths."""
    blue = rng.uniform(0.3, 1.0) * np.minimum(hema, 2.5)
    pink = rng.uniform(0.05, 0.5) * counter + rng.uniform(0, 0.1)
    if counter.max() == 0:
        pink = pink + rng.uniform(0.0, 0.15) * np.maximum(1.0 + smooth_noise(rng, hema.shape[0], rng.uniform(3, 30)), 0)
    return blue[..., None] * jitter(rng, HEMATOXYLIN, 0.06) + pink[..., None] * jitter(rng, EOSIN, 0.06)


def as_found(rng: np.random.Generator, od: np.ndarray) -> np.ndarray:
    """The field's own optical density with its colour shaken."""
    mix = np.eye(3, dtype=np.float32) + rng.normal(0, 0.08, (3, 3)).astype(np.float32)
    return rng.uniform(0.6, 1.4) * np.maximum(od @ mix, 0)


def estranged(rng: np.random.Generator, od: np.ndarray) -> np.ndarray:
    """Optical density in colours that no laboratory makes: what a nucleus is must not hang on its hue.

    Channels are mixed at random, each with a strength and a gamma of its own; the sample's total
    density stays, so that pale stays pale and strong strong.
    """
    mix = np.abs(np.eye(3, dtype=np.float32) + rng.normal(0, 0.35, (3, 3)).astype(np.float32))
    mixed = np.power(np.maximum(od, 0) @ mix, rng.uniform(0.7, 1.4)) * np.exp(rng.normal(0, 0.3, 3)).astype(np.float32)
    return mixed * (float(od.sum()) / max(float(mixed.sum()), 1e-6))


def camera(rng: np.random.Generator, od: np.ndarray, strange: bool = False) -> np.ndarray:
    """Light, focus, sharpening, noise and JPEG: `[H,W,3]` uint8. `strange` light is dim or coloured."""
    if rng.random() < 0.10:
        specks(rng, od)
    if strange:
        white = np.clip(rng.uniform(180, 255) + rng.normal(0, 15, 3), 150, 255)
    else:
        white = np.clip(rng.uniform(222, 255) + rng.normal(0, 4, 3), 200, 255)
    rgb = white.astype(np.float32) * np.power(10.0, -np.maximum(od, 0)).astype(np.float32)
    if rng.random() < 0.2:
        rgb *= (1.0 + 0.04 * smooth_noise(rng, od.shape[0], 120.0))[..., None]
    if rng.random() < 0.7:
        rgb = cv2.GaussianBlur(rgb, (0, 0), float(rng.uniform(0.25, 1.3)))
    if rng.random() < 0.3:
        rgb = rgb + rng.uniform(0.3, 1.5) * (rgb - cv2.GaussianBlur(rgb, (0, 0), 1.2))
    if rng.random() < 0.7:
        grain = rng.standard_normal(rgb.shape, dtype=np.float32)
        rgb = rgb + float(rng.uniform(0.5, 5.0)) * grain
    image = np.clip(rgb, 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        quality = int(rng.integers(35, 96))
        _, code = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1]
    return image


def photographed(rng: np.random.Generator, od: np.ndarray) -> np.ndarray:
    """The camera's picture, every fourth in strange colours: `[H,W,3]` uint8."""
    strange = rng.random() < STRANGE
    return camera(rng, estranged(rng, od) if strange else od, strange)


def targets(labels: np.ndarray) -> np.ndarray:
    """`[3,H,W]`: interior, normalised distance, loss weight."""
    return np.stack([(labels > 0).astype(np.float32), distance_target(labels), gap_weight(labels)])


def finish(image: np.ndarray, labels: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut the margin off: network input `[3,size,size]` and targets `[3,size,size]`."""
    cut = slice(MARGIN, MARGIN + size)
    x = np.ascontiguousarray(image[cut, cut].transpose(2, 0, 1), np.float32) / 255.0
    return x, np.ascontiguousarray(targets(labels)[:, cut, cut])


def real_picture(rng: np.random.Generator, stained: Stained, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Picture and labels with their margin from a real field: 55 % H-DAB, 20 % H&E re-rendered, 25 % as found."""
    full = size + 2 * MARGIN
    matrix = geometry(rng, stained.field, full)
    labels = np.rint(warp(stained.field.labels.astype(np.float32), matrix, full, nearest=True)).astype(np.int32)
    draw = rng.random()
    if draw < 0.25:
        od = as_found(rng, warp(stained.od, matrix, full))
    else:
        hema = warp(stained.hematoxylin, matrix, full)
        counter = warp(stained.counterstain, matrix, full)
        od = as_ihc(rng, hema, counter, labels) if draw < 0.80 else as_he(rng, hema, counter)
    return photographed(rng, od), labels


def phantom_picture(rng: np.random.Generator, field: Field, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Picture and labels with their margin from a phantom: geometry, a colour shake and the camera; stain as made."""
    full = size + 2 * MARGIN
    matrix = geometry_of_phantom(rng, field, full)
    labels = np.rint(warp(field.labels.astype(np.float32), matrix, full, nearest=True)).astype(np.int32)
    rgb = warp(field.rgb.astype(np.float32), matrix, full)
    od = np.maximum(0.0, -np.log10(np.maximum(rgb, 1.0) / 250.0))
    return photographed(rng, as_found(rng, od)), labels


def geometry_of_phantom(rng: np.random.Generator, field: Field, size: int) -> np.ndarray:
    """Affine matrix for a field of known scale: rotation, flip, scale within a factor 1.4; medians stay within 5 to 20 um."""
    zoom = float(np.exp(rng.uniform(-0.34, 0.34)))
    if field.diameter > 0:
        zoom = min(max(zoom, field.diameter / 40.0), max(field.diameter / 10.0, 1.0))
    angle = rng.uniform(0, 2 * np.pi)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = zoom * turn @ np.diag([flip, 1.0])
    height, width = field.labels.shape
    centre = rng.uniform(0.2, 0.8, 2) * (width, height)
    return np.concatenate([matrix, (centre - matrix @ np.array([size / 2, size / 2]))[:, None]], 1)


def rendered_field(rng: np.random.Generator, field: Field, pattern: str, grade: int) -> Field:
    """A whole field re-rendered as H-DAB, for validation by pattern; square crop, its own scale."""
    side = min(field.labels.shape)
    crop = Field(field.name, field.rgb[:side, :side], compact(field.labels[:side, :side]), field.diameter, pattern)
    stained = take_apart(crop)
    labels = stained.field.labels
    od = as_ihc(rng, stained.hematoxylin.copy(), stained.counterstain, labels, pattern, grade)
    return Field(field.name, camera(rng, od), labels, median_diameter(labels), pattern)
