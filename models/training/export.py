"""Checkpoint to ONNX: batch norm folded, graph written node by node, checked, card updated.

The graph is written by hand instead of traced because it has forty nodes of four kinds: what
a runtime must support is then exactly what stands here, and no exporter version changes it.

With `--phantoms` the runtimes are compared on twenty held-out phantom fields, and what PyTorch
says of parts of them is kept beside the weights, so that the Rust tests hold every runtime
against PyTorch without it.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from torch import nn

from data import phantom_fields, split
from model import OUTPUTS, ConvNorm, NucleusNet, Residual, Shape

OPSET = 17
PATCH = 320
TOLERANCE = 1e-4

FIELDS = 20
"""How many fields the runtimes are compared on."""

PART = 64
"""Side in px of the parts of fields that are kept for the tests."""

EVERY = 5
"""Of the maps of a part, every so many pixels along both axes are kept: no multiple of what the
last layer shuffles, so that all of its channels are seen."""

HERE = Path(__file__).resolve().parent
MODEL_DIR = HERE.parent / "nucleus"


class Graph:
    """Collects nodes and weights in order."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, op: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def weight(self, name: str, value: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))
        return name

    def conv(self, x: str, name: str, layer: nn.Conv2d, norm: nn.BatchNorm2d | None = None, relu: bool = False, output: str | None = None) -> str:
        weight = layer.weight.detach().double()
        bias = torch.zeros(weight.shape[0], dtype=torch.double) if layer.bias is None else layer.bias.detach().double()
        if norm is not None:
            gain = norm.weight.detach().double() / torch.sqrt(norm.running_var.double() + norm.eps)
            weight = weight * gain[:, None, None, None]
            bias = (bias - norm.running_mean.double()) * gain + norm.bias.detach().double()
        pad = layer.padding[0]
        y = self.add(
            "Conv",
            [x, self.weight(f"{name}.weight", weight.numpy()), self.weight(f"{name}.bias", bias.numpy())],
            output or name,
            kernel_shape=list(layer.kernel_size),
            strides=list(layer.stride),
            pads=[pad, pad, pad, pad],
            **({"group": layer.groups} if layer.groups > 1 else {}),
        )
        return self.add("Relu", [y], f"{name}.relu") if relu else y

    def conv_norm(self, x: str, name: str, block: ConvNorm) -> str:
        return self.conv(x, name, block[0], block[1], relu=len(block) == 3)

    def residual(self, x: str, name: str, block: Residual) -> str:
        if isinstance(block.first, ConvNorm):
            y = self.conv_norm(x, f"{name}.first", block.first)
        else:
            y = x
            for i, part in enumerate(block.first):
                y = self.conv_norm(y, f"{name}.first{i}", part)
        y = self.conv_norm(y, f"{name}.second", block.second)
        y = self.add("Add", [x, y], f"{name}.sum")
        return self.add("Relu", [y], f"{name}.out")


def to_onnx(net: NucleusNet) -> onnx.ModelProto:
    """The network as an ONNX model with a `[1,3,height,width]` input; the manifest fixes the patch."""
    net = net.eval().cpu()
    g = Graph()
    x = g.conv_norm("image", "stem", net.stem)
    for i, block in enumerate(net.encoder):
        x = g.residual(x, f"encoder{i}", block)
    skip = x
    x = g.conv_norm(x, "down", net.down)
    for i, block in enumerate(net.deep):
        x = g.residual(x, f"deep{i}", block)
    x = g.conv_norm(x, "up", net.up)
    x = g.add("DepthToSpace", [x], "up.shuffle", blocksize=2, mode="CRD")
    x = g.add("Relu", [g.add("Add", [skip, x], "up.sum")], "up.out")
    for i, block in enumerate(net.decoder):
        x = g.residual(x, f"decoder{i}", block)
    x = g.conv(x, "head", net.head)
    coarse = net.shape.coarse
    x = g.add("DepthToSpace", [x], "maps" if coarse == 1 else "maps.coarse", blocksize=net.fine, mode="CRD")
    if coarse > 1:
        scales = g.weight("maps.scales", np.array([1, 1, coarse, coarse]))
        g.add("Resize", [x, "", scales], "maps", mode="linear", coordinate_transformation_mode="half_pixel")
    graph = helper.make_graph(
        g.nodes,
        "nucleus",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "height", "width"])],
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, [1, OUTPUTS[net.shape.outputs], "height", "width"])],
        initializer=g.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="pantrk", ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def largest_difference(net: NucleusNet, weights: Path, fields: np.ndarray) -> float:
    """Largest absolute difference of PyTorch and ONNX Runtime over `[N,3,P,P]` fields."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(weights), providers=["CPUExecutionProvider"])
    worst = 0.0
    net.eval()
    for field in fields:
        with torch.no_grad():
            ours = net(torch.from_numpy(field[None])).numpy()
        theirs = session.run(["maps"], {"image": field[None]})[0]
        worst = max(worst, float(np.abs(ours - theirs).max()))
    return worst


def set_checksum(manifest: Path, weights: Path) -> str:
    """Writes the weights' SHA-256 into the manifest's `sha256` line and returns it."""
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    text = manifest.read_text()
    text, n = re.subn(r'(?m)^sha256 = "[0-9a-f]*"$', f'sha256 = "{digest}"', text)
    if n != 1:
        raise SystemExit(f"expected one sha256 line, found {n}: {manifest}")
    manifest.write_text(text)
    return digest


def load_checkpoint(path: Path) -> NucleusNet:
    """The network of a checkpoint written by `train.py` (its averaged weights)."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    net = NucleusNet(Shape(**state["shape"]))
    net.load_state_dict(state["net"])
    return net.eval()


def agreement_fields(phantoms: Path) -> np.ndarray:
    """Twenty held-out phantom fields, spread over all of them, as the network takes them: `[N,3,H,W]` float32."""
    held_out = split(phantom_fields(phantoms))[1]
    chosen = held_out[:: max(1, len(held_out) // FIELDS)][:FIELDS]
    return np.stack([f.rgb.transpose(2, 0, 1) for f in chosen]).astype(np.float32) / 255.0


def write_agreement(net: NucleusNet, fields: np.ndarray, out: Path) -> None:
    """The middles of the fields, side by side, as `agreement.png`, and PyTorch's maps of them, thinned, as `agreement.npy` `[N,2,13,13]`."""
    top, left = ((side - PART) // 2 for side in fields.shape[2:])
    parts = np.ascontiguousarray(fields[:, :, top : top + PART, left : left + PART])
    with torch.no_grad():
        maps = net(torch.from_numpy(parts)).numpy()
    strip = np.rint(parts * 255.0).astype(np.uint8).transpose(2, 0, 3, 1).reshape(PART, -1, 3)
    Image.fromarray(strip).save(out / "agreement.png", optimize=True)
    np.save(out / "agreement.npy", np.ascontiguousarray(maps[:, :, ::EVERY, ::EVERY]))


def export(checkpoint: Path, out: Path, phantoms: Path | None) -> None:
    """Writes `weights.onnx`, its checksum and, where there are phantoms, what the tests hold runtimes against; fails when the runtimes disagree."""
    net = load_checkpoint(checkpoint)
    weights = out / "weights.onnx"
    partial = out / "weights.onnx.partial"
    onnx.save(to_onnx(net), partial)
    if phantoms is None:
        fields = np.random.default_rng(0).random((4, 3, PATCH, PATCH), dtype=np.float32)
    else:
        fields = agreement_fields(phantoms)
    worst = largest_difference(net, partial, fields)
    print(f"largest difference PyTorch - ONNX Runtime: {worst:.2e} over {len(fields)} fields")
    if worst > TOLERANCE:
        partial.unlink()
        raise SystemExit(f"the runtimes disagree by more than {TOLERANCE}")
    partial.replace(weights)
    digest = set_checksum(out / "model.toml", weights)
    if phantoms is not None:
        write_agreement(net, fields, out)
    print(f"{weights}: {weights.stat().st_size} bytes, sha256 {digest}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, default=MODEL_DIR)
    parser.add_argument("--phantoms", type=Path, help="folder of phantom fields to compare the runtimes on")
    args = parser.parse_args()
    export(args.checkpoint, args.out, args.phantoms)


if __name__ == "__main__":
    main()
