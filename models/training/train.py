"""Trains the nucleus network from nothing and writes a checkpoint and the shipped ONNX file.

    python models/training/train.py --data ../shared/data --phantoms DIR

Each sample is drawn from its own generator, seeded by (seed, index), so the data do not depend
on how many workers make them.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from augment import Stained, finish, phantom_picture, real_picture, take_apart
from data import Field, is_grey, phantom_fields, real_fields, split
from export import MODEL_DIR, export
from model import NucleusNet, Shape, gflop_per_megapixel, network_input

HERE = Path(__file__).resolve().parent

PHANTOM_SHARE = 0.35
"""Share of phantoms in a batch; at least half stays real-derived so that phantoms are not learned by heart."""


WARM_UP = 150
"""Steps over which the learning rate rises."""

SAVE_EVERY = 100


@dataclass(frozen=True)
class Plan:
    """What a run does; the defaults are those of the shipped weights."""

    steps: int
    decay: int  # the last steps, over which the rate falls to a hundredth
    mix_from: int  # the step from which phantoms are mixed in
    batch: int
    size: int
    rate: float
    seed: int

    def rate_at(self, step: int) -> float:
        """Warm-up, plateau, cosine: the plateau lets a run be made longer without another start."""
        if step < WARM_UP:
            return self.rate * (step + 1) / WARM_UP
        left = (self.steps - step) / max(self.decay, 1)
        return self.rate * (1.0 if left >= 1.0 else 0.01 + 0.99 * 0.5 * (1.0 - math.cos(math.pi * max(left, 0.0))))


class Samples(Dataset):
    """All samples from step `first` on; sample `i` is the same for every run with the same seed."""

    def __init__(self, real: list[Stained], phantoms: list[Field], plan: Plan, first: int):
        self.real, self.phantoms, self.plan, self.first = real, phantoms, plan, first
        chances = np.array([field_weight(s.field) for s in real])
        self.chances = chances / chances.sum()

    def __len__(self) -> int:
        return (self.plan.steps - self.first) * self.plan.batch

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        x, y = finish(*self.picture(index + self.first * self.plan.batch), self.plan.size)
        return torch.from_numpy(x), torch.from_numpy(y)

    def picture(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Picture and labels of sample `index` of the whole run, with their margin."""
        cv2.setNumThreads(1)
        rng = np.random.default_rng((self.plan.seed, index))
        mixed = bool(self.phantoms) and index >= self.plan.mix_from * self.plan.batch
        if mixed and rng.random() < PHANTOM_SHARE:
            return phantom_picture(rng, self.phantoms[int(rng.integers(len(self.phantoms)))], self.plan.size)
        return real_picture(rng, self.real[int(rng.choice(len(self.real), p=self.chances))], self.plan.size)


def field_weight(field: Field) -> float:
    """How often a field is drawn: tissue sections often, grey smears of single cells seldom."""
    if field.kind == "nucls":
        return 3.0
    return 0.5 if is_grey(field) else 1.0


def loss_of(maps: torch.Tensor, target: torch.Tensor, outputs: str = "distance") -> torch.Tensor:
    """Weighted cross-entropy and soft Dice on the interior, smooth L1 on the distance or the offsets.

    `target` is `[N,3,H,W]` (interior, distance, weight), for other outputs than `distance` with
    boundary and offsets after them.
    """
    logit = maps[:, 0]
    inside, weight = target[:, 0], target[:, 2]
    cross = torch.nn.functional.binary_cross_entropy_with_logits(logit, inside, weight=weight)
    chance = torch.sigmoid(logit)
    dice = 1.0 - (2.0 * (chance * inside).sum() + 100.0) / (chance.sum() + inside.sum() + 100.0)
    if outputs == "offsets":
        steps = torch.nn.functional.smooth_l1_loss(maps[:, 1:3], target[:, 4:6], beta=0.1, reduction="none").sum(1)
        return cross + 0.5 * dice + 3.0 * (steps * inside).sum() / inside.sum().clamp(min=1.0) * 0.3
    radial = torch.nn.functional.smooth_l1_loss(maps[:, 1], target[:, 1], beta=0.1, reduction="none")
    # Nuclei cover a tenth of a field; without this the flat outside rules the mean.
    radial = (radial * (1.0 + 4.0 * inside)).mean()
    loss = cross + 0.5 * dice + 3.0 * radial
    if outputs == "boundary":
        loss = loss + torch.nn.functional.binary_cross_entropy_with_logits(maps[:, 2], target[:, 3], weight=weight)
    return loss


def averaged(mean: NucleusNet, net: NucleusNet, step: int) -> None:
    """Exponential moving average of weights and batch-norm statistics, with a warm-up."""
    keep = min(0.998, (1.0 + step) / (10.0 + step))
    with torch.no_grad():
        for a, b in zip(mean.state_dict().values(), net.state_dict().values()):
            if a.dtype.is_floating_point:
                a.mul_(keep).add_(b, alpha=1.0 - keep)
            else:
                a.copy_(b)


def train(plan: Plan, shape: Shape, samples: Callable[[int], Dataset], out: Path, workers: int, resume: Path | None) -> Path:
    """Runs the plan and returns the checkpoint's path; its `net` holds the averaged weights.

    `samples` gives the data from a step on.
    """
    torch.manual_seed(plan.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = NucleusNet(shape).to(device, memory_format=torch.channels_last)
    mean = copy.deepcopy(net).eval()
    optimiser = torch.optim.AdamW(net.parameters(), lr=plan.rate, weight_decay=1e-2)
    first = 0
    if resume is not None:
        state = torch.load(resume, map_location=device, weights_only=True)
        net.load_state_dict(state["raw"])
        mean.load_state_dict(state["net"])
        optimiser.load_state_dict(state["optimiser"])
        first = state["step"]
    print(f"{sum(p.numel() for p in net.parameters())} parameters, {gflop_per_megapixel(net):.1f} GFLOP per megapixel, on {device}, from step {first}", flush=True)
    loader = DataLoader(samples(first), batch_size=plan.batch, num_workers=workers, prefetch_factor=4 if workers else None)
    checkpoint = out / "checkpoint.pt"
    start, running = time.time(), 0.0
    net.train()
    for step, (x, y) in enumerate(loader, first + 1):
        for group in optimiser.param_groups:
            group["lr"] = plan.rate_at(step - 1)
        x = network_input(x.to(device), shape.inputs).contiguous(memory_format=torch.channels_last)
        loss = loss_of(net(x), y.to(device), shape.outputs)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        averaged(mean, net, step)
        running += float(loss.detach())
        if step % 50 == 0:
            print(f"step {step}/{plan.steps} loss {running / 50:.4f} {time.time() - start:.0f} s", flush=True)
            running = 0.0
        if step % SAVE_EVERY == 0 or step == plan.steps:
            save(checkpoint, plan, step, net, mean, optimiser)
    return checkpoint


def save(checkpoint: Path, plan: Plan, step: int, net: NucleusNet, mean: NucleusNet, optimiser: torch.optim.Optimizer) -> None:
    """Written beside and renamed, so that a killed run leaves the last whole one."""
    partial = checkpoint.with_suffix(".partial")
    torch.save(
        {
            "shape": mean.shape.as_dict(),
            "net": mean.state_dict(),
            "raw": net.state_dict(),
            "optimiser": optimiser.state_dict(),
            "step": step,
            "plan": asdict(plan),
        },
        partial,
    )
    partial.replace(checkpoint)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds nuclei/histology and nuclei/nucls")
    parser.add_argument("--phantoms", type=Path, help="folder of phantom fields (README.md says how to make them)")
    parser.add_argument("--out", type=Path, default=HERE / "work", help="checkpoint folder")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--decay", type=int, default=1500, help="last steps, over which the rate falls")
    parser.add_argument("--mix-from", type=int, default=400, help="step from which phantoms are mixed in")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=256, help="side of a training sample in px")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes that make samples")
    parser.add_argument("--resume", type=Path, help="checkpoint of a broken-off run to go on from")
    parser.add_argument("--no-export", action="store_true", help="leave models/nucleus as it is")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    training, held_out = split(real_fields(args.data))
    phantoms = split(phantom_fields(args.phantoms))[0] if args.phantoms else []
    print(f"{len(training)} real fields to train on, {len(held_out)} held out, {len(phantoms)} phantoms to train on", flush=True)
    plan = Plan(args.steps, args.decay, args.mix_from, args.batch, args.size, args.rate, args.seed)
    real = [take_apart(f) for f in training]
    checkpoint = train(plan, Shape(), lambda first: Samples(real, phantoms, plan, first), args.out, args.workers, args.resume)
    print(f"wrote {checkpoint}")
    if not args.no_export:
        export(checkpoint, MODEL_DIR, args.phantoms)


if __name__ == "__main__":
    main()
