"""The network: a residual network with two resolutions and a pixel-shuffle head.

Every layer is a convolution, an addition, a ReLU or a pixel shuffle, because those are what a
small CPU runtime runs well, and the whole graph stays at a quarter of the input resolution or
below, because a convolution at full resolution costs sixteen times as much per channel pair.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import nn

STRIDE = 8
"""Input sides must be multiples of this many pixels."""

OUTPUTS = {
    "distance": 2,  # interior logit, normalised distance to the nucleus's boundary
    "boundary": 3,  # the same and a boundary logit
    "offsets": 3,  # interior logit, steps to the nucleus's centre in x and y
}
"""What a network says of each pixel, and in how many channels; `distance` is what ships."""


@dataclass(frozen=True)
class Shape:
    """Widths and depths; kept in the checkpoint so that export needs no second opinion."""

    narrow: int = 32  # channels at the stem's resolution
    wide: int = 64  # channels at half of it
    encoder_blocks: int = 1  # residual blocks at the stem's resolution before going down
    deep_blocks: int = 3  # residual blocks at half of it
    decoder_blocks: int = 2  # residual blocks at the stem's resolution after coming up
    stem: int = 4  # the stem's stride
    depthwise: bool = False  # residual blocks of depthwise 3x3 and 1x1 convolutions
    coarse: int = 1  # maps at 1/coarse of the input, enlarged bilinearly
    inputs: str = "rgb"  # or "stains": hematoxylin, DAB and residual optical density
    outputs: str = "distance"  # a row of OUTPUTS

    def as_dict(self) -> dict[str, int | bool | str]:
        return asdict(self)


class ConvNorm(nn.Sequential):
    """Convolution and batch norm (folded into the convolution at export), with or without ReLU."""

    def __init__(self, cin: int, cout: int, kernel: int, stride: int = 1, pad: int | None = None, relu: bool = True, groups: int = 1):
        layers: list[nn.Module] = [
            nn.Conv2d(cin, cout, kernel, stride, kernel // 2 if pad is None else pad, groups=groups, bias=False),
            nn.BatchNorm2d(cout),
        ]
        if relu:
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class Residual(nn.Module):
    """Two 3x3 convolutions around an identity; or a depthwise one between two of 1x1."""

    def __init__(self, channels: int, depthwise: bool = False):
        super().__init__()
        if depthwise:
            self.first = nn.Sequential(
                ConvNorm(channels, 2 * channels, 1), ConvNorm(2 * channels, 2 * channels, 3, groups=2 * channels)
            )
            self.second = ConvNorm(2 * channels, channels, 1, relu=False)
        else:
            self.first = ConvNorm(channels, channels, 3)
            self.second = ConvNorm(channels, channels, 3, relu=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.second(self.first(x)))


class NucleusNet(nn.Module):
    """`[N,3,H,W]` RGB in 0..1 to `[N,2,H,W]` maps; H and W multiples of `STRIDE`."""

    def __init__(self, shape: Shape = Shape()):
        super().__init__()
        self.shape = shape
        n, w = shape.narrow, shape.wide
        # The stem's windows overlap by one pixel on each side: a plain 4x4 patch leaves a
        # grid in the boundary maps.
        self.stem = ConvNorm(3, n, shape.stem + 2, stride=shape.stem, pad=1)
        self.encoder = nn.ModuleList(Residual(n, shape.depthwise) for _ in range(shape.encoder_blocks))
        self.down = ConvNorm(n, w, 2, stride=2, pad=0)
        self.deep = nn.ModuleList(Residual(w, shape.depthwise) for _ in range(shape.deep_blocks))
        self.up = ConvNorm(w, 4 * n, 1, relu=False)
        self.decoder = nn.ModuleList(Residual(n, shape.depthwise) for _ in range(shape.decoder_blocks))
        self.fine = shape.stem // shape.coarse
        self.head = nn.Conv2d(n, self.fine * self.fine * OUTPUTS[shape.outputs], 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for block in self.encoder:
            x = block(x)
        skip = x
        x = self.down(x)
        for block in self.deep:
            x = block(x)
        x = torch.relu(skip + nn.functional.pixel_shuffle(self.up(x), 2))
        for block in self.decoder:
            x = block(x)
        x = nn.functional.pixel_shuffle(self.head(x), self.fine)
        if self.shape.coarse > 1:
            x = nn.functional.interpolate(x, scale_factor=float(self.shape.coarse), mode="bilinear")
        return x


STAIN_MATRIX = ((0.65111, 0.70119, 0.29049), (0.26917, 0.56824, 0.77759))
"""Hematoxylin and DAB, QuPath's H-DAB default, unit length; the residual is their cross product."""


def network_input(rgb: torch.Tensor, inputs: str) -> torch.Tensor:
    """What a network is fed of `[N,3,H,W]` RGB in 0..1: itself, or its stains' optical densities."""
    if inputs == "rgb":
        return rgb
    matrix = torch.tensor(STAIN_MATRIX, dtype=rgb.dtype, device=rgb.device)
    residual = torch.linalg.cross(matrix[0], matrix[1])
    matrix = torch.cat([matrix, (residual / residual.norm())[None]])
    density = -torch.log10(torch.clamp(rgb, min=1.0 / 255.0))
    return torch.einsum("nchw,cs->nshw", density, torch.linalg.inv(matrix))


def gflop_per_megapixel(net: NucleusNet) -> float:
    """Multiply-adds counted as two operations, for one megapixel of input, halo not included."""
    total = 0.0
    handles = []

    def count(layer: nn.Conv2d, _inputs: object, output: torch.Tensor) -> None:
        nonlocal total
        total += 2.0 * layer.weight.numel() * output.shape[-1] * output.shape[-2]

    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            handles.append(layer.register_forward_hook(count))
    side = 128
    was_training = net.training
    net.eval()
    with torch.no_grad():
        net(torch.zeros(1, 3, side, side, device=next(net.parameters()).device))
    net.train(was_training)
    for handle in handles:
        handle.remove()
    return total / (side * side) / 1e3
