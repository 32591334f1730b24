"""Fields, their scale, the fixed validation split, and the training targets.

A field is an RGB image with an instance mask. The real ones state no scale, or one that differs
from the model's: they are read as they are, `at_model_scale` brings them to it for evaluation,
and augmentation draws a scale. Nothing here is random.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

MPP = 0.5
"""Micrometres per pixel of the model's input."""

VALIDATION_EVERY = 6
VALIDATION_REST = 3
"""In each folder, sorted by name, field `i` is held out when `i % 6 == 3`."""

NUCLS_MPP = 0.25
"""NuCLS states 0.2 um/px; the crops in circulation measure nearer 0.25."""

EVALUATION_DIAMETER = 16.0
"""Median nuclear diameter, in px at 0.5 um/px (8 um), that a field without scale is brought to."""


@dataclass
class Field:
    """One image with its instances."""

    name: str
    rgb: np.ndarray  # [H,W,3] uint8
    labels: np.ndarray  # [H,W] int32, 0 outside, ids without gaps from 1
    diameter: float  # median equivalent diameter in px, 0 when there is no nucleus
    kind: str  # "histology", "nucls" or a phantom pattern


def read_rgb(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def read_labels(path: Path) -> np.ndarray:
    return compact(np.asarray(Image.open(path)).astype(np.int32))


def compact(labels: np.ndarray) -> np.ndarray:
    """The same instances with ids 1..n."""
    ids, inverse = np.unique(labels, return_inverse=True)
    first = 0 if len(ids) and ids[0] == 0 else 1
    return (inverse.reshape(labels.shape) + first).astype(np.int32)


def median_diameter(labels: np.ndarray) -> float:
    areas = np.bincount(labels.ravel())[1:]
    areas = areas[areas > 0]
    return float(2.0 * np.sqrt(np.median(areas) / np.pi)) if len(areas) else 0.0


def rescale(field: Field, factor: float) -> Field:
    """The field enlarged by `factor` (area average when it shrinks)."""
    if abs(factor - 1.0) < 0.02:
        return field
    size = (max(8, round(field.rgb.shape[1] * factor)), max(8, round(field.rgb.shape[0] * factor)))
    rgb = cv2.resize(field.rgb, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    labels = cv2.resize(field.labels.astype(np.float32), size, interpolation=cv2.INTER_NEAREST).astype(np.int32)
    labels = compact(labels)
    return Field(field.name, rgb, labels, median_diameter(labels), field.kind)


def real_fields(data: Path) -> list[Field]:
    """All real fields at their native scale, sorted by folder and name."""
    fields = []
    for kind in ("histology", "nucls"):
        for path in sorted((data / "nuclei" / kind).glob("*.png")):
            if path.stem.endswith("_labels"):
                continue
            labels = read_labels(path.with_name(path.stem + "_labels.png"))
            fields.append(Field(f"{kind}/{path.stem}", read_rgb(path), labels, median_diameter(labels), kind))
    if not fields:
        raise SystemExit(f"no fields under nuclei/histology or nuclei/nucls: {data}")
    return fields


def phantom_fields(folder: Path) -> list[Field]:
    """Phantom fields at 0.5 um/px: `NAME.png` beside `NAME_labels.png` (u16 instances)."""
    fields = []
    for path in sorted(folder.rglob("*_labels.png")):
        image = path.with_name(path.name.removesuffix("_labels.png") + ".png")
        labels = read_labels(path)
        fields.append(Field(f"phantom/{image.stem}", read_rgb(image), labels, median_diameter(labels), "phantom"))
    if not fields:
        raise SystemExit(f"no NAME_labels.png found: {folder}")
    return fields


def phantom_rows(folder: Path) -> dict[str, dict]:
    """By field name what is in each: pattern, percent of cells that stain and stain strongly, artefacts of its slide."""
    return {row["name"]: row for row in json.loads((folder / "fields.json").read_text())}


def split(fields: list[Field]) -> tuple[list[Field], list[Field]]:
    """Training and validation fields, by image; the same for every run."""
    train, held_out = [], []
    seen: dict[str, int] = {}
    for field in fields:
        i = seen.get(field.kind, 0)
        seen[field.kind] = i + 1
        (held_out if i % VALIDATION_EVERY == VALIDATION_REST else train).append(field)
    return train, held_out


def is_grey(field: Field) -> bool:
    """A grey image: the single-cell smears among the histology fields, mostly empty glass."""
    return float(np.abs(field.rgb[..., 0].astype(int) - field.rgb[..., 2]).mean()) < 3.0


def at_model_scale(field: Field) -> Field:
    """The field at about 0.5 um/px, as evaluation shows it to the network."""
    if field.kind == "nucls":
        return rescale(field, NUCLS_MPP / MPP)
    if field.kind == "histology" and field.diameter > 0:
        return rescale(field, EVALUATION_DIAMETER / field.diameter)
    return field


def split_edges(labels: np.ndarray) -> np.ndarray:
    """Nucleus pixels (bool) without those that face another nucleus to the right or below."""
    inside = labels > 0
    touch = np.zeros_like(inside)
    for axis in (0, 1):
        a = labels[:-1] if axis == 0 else labels[:, :-1]
        b = labels[1:] if axis == 0 else labels[:, 1:]
        differs = (a != b) & (a > 0) & (b > 0)
        if axis == 0:
            touch[:-1] |= differs
        else:
            touch[:, :-1] |= differs
    return inside & ~touch


def distance_target(labels: np.ndarray) -> np.ndarray:
    """Distance to the nucleus's own boundary over its largest, 0 outside, 1 at the centre."""
    distance = cv2.distanceTransform(split_edges(labels).astype(np.uint8), cv2.DIST_L2, 5)
    largest = np.zeros(int(labels.max()) + 1, np.float32)
    np.maximum.at(largest, labels.ravel(), distance.ravel())
    largest[0] = 1.0
    return distance / np.maximum(largest, 1.0)[labels]


def nearest_nucleus(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each pixel the distance to the nearest nucleus and that nucleus's id."""
    outside = (labels == 0).astype(np.uint8)
    if outside.all():
        return np.full(labels.shape, 1e3, np.float32), np.zeros_like(labels)
    distance, index = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    owner = np.zeros(int(index.max()) + 1, np.int32)
    inside = labels > 0
    owner[index[inside]] = labels[inside]
    return distance, owner[index]


def gap_weight(labels: np.ndarray) -> np.ndarray:
    """Loss weight of the interior map: 1, more at boundaries and most between close nuclei."""
    distance, owner = nearest_nucleus(labels)
    weight = np.ones(labels.shape, np.float32)
    change = np.zeros(labels.shape, np.uint8)
    change[:-1] |= owner[:-1] != owner[1:]
    change[:, :-1] |= owner[:, :-1] != owner[:, 1:]
    to_line = cv2.distanceTransform(1 - change, cv2.DIST_L2, 3) if change.any() else np.full(labels.shape, 1e3, np.float32)
    weight += 3.0 * np.exp(-((to_line / 1.5) ** 2)) * np.exp(-((distance / 3.0) ** 2))
    return weight
