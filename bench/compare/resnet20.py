"""The sample's ResNet-20 in PyTorch, made of the blocks of a reference checkout, and the sample's images."""
import os

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from PIL import Image

sample = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "samples", "cifar10-resnet20")
mean, std = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


class PadShortcut(torch.nn.Module):
    """Every second pixel, with channels of zeros on both sides: the shortcut without weights (He et al. 2016, option A)."""

    def __init__(self, channels):
        super().__init__()
        self.pad = channels // 4

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))


class ResNet20(torch.nn.Module):
    """Weights with BatchNorm folded in, as the sample holds them."""

    def __init__(self, block):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 16, 3, padding=1)
        self.relu = torch.nn.ReLU()
        self.layer1 = stage(block, 16, 16)
        self.layer2 = stage(block, 16, 32)
        self.layer3 = stage(block, 32, 64)
        self.linear = torch.nn.Linear(64, 10)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(self.relu(self.conv1(x)))))
        return self.linear(x.mean((2, 3)))


def stage(block, inputs, outputs):
    strides = [2 if inputs != outputs else 1, 1, 1]
    blocks = [block(inputs if i == 0 else outputs, outputs, stride, norm_layer=torch.nn.BatchNorm2d) for i, stride in enumerate(strides)]
    for b in blocks:
        for name in ("conv1", "conv2"):
            conv = getattr(b, name)
            setattr(b, name, torch.nn.Conv2d(conv.in_channels, outputs, 3, conv.stride, padding=1))
        b.bn1, b.bn2 = torch.nn.Identity(), torch.nn.Identity()
    return torch.nn.Sequential(*blocks)


def add_shortcuts(network):
    """Gives the blocks that change the resolution their shortcut; after quantization, for the reference wants a convolution there."""
    network.layer2[0].downsample = PadShortcut(32)
    network.layer3[0].downsample = PadShortcut(64)


def load_weights(network):
    """Layers are in the order of the file's Conv and Gemm nodes."""
    graph = onnx.load(os.path.join(sample, "resnet20.onnx")).graph
    arrays = {tensor.name: torch.tensor(numpy_helper.to_array(tensor)) for tensor in graph.initializer}
    nodes = [node for node in graph.node if node.op_type in ("Conv", "Gemm")]
    layers = [module for module in network.modules() if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear))]
    assert len(nodes) == len(layers)
    for node, layer in zip(nodes, layers):
        weight, bias = (arrays[name] for name in node.input[1:3])
        assert weight.shape == layer.weight.shape
        layer.weight.data, layer.bias.data = weight.clone(), bias.clone()


def images(folder, count=None):
    """Preprocessed images of `calibration` or `evaluation`, and their classes (the rank of the folder's name)."""
    base = os.path.join(sample, folder)
    classes = sorted(name for name in os.listdir(base) if os.path.isdir(os.path.join(base, name)))
    files = [(os.path.join(base, name, file), i) for i, name in enumerate(classes) for file in sorted(os.listdir(os.path.join(base, name)))]
    pixels = np.stack([np.asarray(Image.open(path).convert("RGB"), np.float32) for path, _ in files[:count]])
    data = torch.tensor(((pixels / 255 - mean) / std).transpose(0, 3, 1, 2)).contiguous()
    return data, torch.tensor([i for _, i in files[:count]])
