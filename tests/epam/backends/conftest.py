"""What tests of backends share: thin networks whose every part matters, clips for them, and a kind of file.

The file is one that NumPy alone can run, so that exports can be tested without an engine's start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from epam.backends.backend import Inputs, Precision
from epam.backends.export import ExportRequest
from epam.epam_net import EPAMNet


class LinearFile:
    """Weight and bias of a linear layer, and a companion beside them."""

    name = "linear"
    summary = "NumPy's"
    suffix = ".npz"
    companions: tuple[str, ...] = (".txt",)
    precisions: tuple[Precision, ...] = ("fp32",)
    libraries = ("numpy",)
    loading = (
        "import numpy as np\n"
        "layer = np.load(FILE)\n"
        "outputs = [inputs['clip'] @ layer['weight'].T + layer['bias']]"
    )
    error = 0.0

    def missing(self) -> str | None:
        return None

    def write(self, model: nn.Module, request: ExportRequest, path: Path) -> Mapping[str, str]:
        weights = {name: value.detach().numpy() for name, value in model.named_parameters()}
        np.savez(path, weight=weights["weight"], bias=weights["bias"] + self.error)
        path.with_suffix(".txt").write_text("beside it")
        return {"kind": "linear"}


@pytest.fixture
def thin_net(lively) -> nn.Module:
    """EPAM-Net with one block a stage, every part of which matters."""
    net = EPAMNet(num_classes=3, stem_channels=8, rgb_blocks=(1, 1), pose_blocks=(1,), frames=2)
    return lively(net).eval()


@pytest.fixture
def thin_clips() -> list[Inputs]:
    return [(torch.randn(1, 3, 2, 32, 32), torch.rand(1, 17, 6, 8, 8)) for _ in range(2)]


@pytest.fixture
def thin_request(thin_clips: list[Inputs]) -> ExportRequest:
    return ExportRequest(
        example_inputs=thin_clips[0],
        input_names=("rgb", "heatmaps"),
        output_names=("rgb_logits", "pose_logits"),
        metadata={"model": "epam_net"},
    )


@pytest.fixture
def linear_file() -> LinearFile:
    """The format; its ``loading`` and ``error`` may be changed."""
    return LinearFile()


@pytest.fixture
def linear() -> nn.Linear:
    """A network that it writes: four numbers in, two logits out."""
    return nn.Linear(4, 2).eval()


@pytest.fixture
def linear_clips() -> list[Inputs]:
    return [(torch.tensor([[1.0, 2.0, 3.0, number]]),) for number in (0.0, 5.0, -5.0)]


@pytest.fixture
def linear_request(linear_clips: list[Inputs]) -> ExportRequest:
    return ExportRequest(example_inputs=linear_clips[0], input_names=("clip",), output_names=("logits",))


@pytest.fixture
def thin(lively) -> Callable[..., EPAMNet]:
    """Build a thin EPAM-Net in evaluation mode, of seven classes and four frames unless told otherwise."""

    def build(attention: str = "nested", **options: object) -> EPAMNet:
        sizes = {"frames": 4, "stem_channels": 8, "rgb_blocks": (1, 2), "pose_blocks": (2,)} | options
        return lively(EPAMNet(7, attention=attention, **sizes)).eval()

    return build


@pytest.fixture
def clips() -> Callable[..., tuple[Tensor, Tensor]]:
    """Draw frames and heatmaps of the thin network's strides, 8 and 2."""

    def draw(batch: int = 1, *, frames: int = 4, side: int = 16) -> tuple[Tensor, Tensor]:
        rgb = torch.randn(batch, 3, frames, side, side)
        return rgb, torch.rand(batch, 17, 3 * frames, side // 4, side // 4)

    return draw


@pytest.fixture
def convolutional(lively) -> nn.Module:
    """A network of no kind that is known: a convolution, a norm, and a shortcut."""

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv3d(3, 8, 3, padding=1)
            self.stem_norm = nn.BatchNorm3d(8)
            self.branch = nn.Conv3d(8, 8, 1, bias=False)
            self.branch_norm = nn.BatchNorm3d(8)
            self.head = nn.Linear(8, 5)

        def forward(self, clip: Tensor) -> Tensor:
            if clip.shape[1] != 3:
                raise ValueError("a graph tracer stops here")
            x = self.stem_norm(self.stem(clip)).relu()
            return self.head((x + self.branch_norm(self.branch(x))).mean(dim=(2, 3, 4)))

    return lively(Residual()).eval()
