"""Parameters and multiply-adds of every baseline against what its publishers print.

Multiply-adds are those of convolutions and matrix products, by torch's counter on meta tensors:
half the FLOPs that it counts, attention written out so that it is seen.
"""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from epam_baselines import create_model, example_inputs, model_spec, with_clip

GIGA = 1e9
MEGA = 1e6


def meta_model(name: str) -> nn.Module:
    with torch.device("meta"):
        return create_model(name).eval()


def giga_macs(name: str, clip: tuple[int, int, int]) -> float:
    inputs = example_inputs(with_clip(model_spec(name), *clip), device="meta")
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        meta_model(name)(*inputs)
    return counter.get_total_flops() / 2 / GIGA


@dataclasses.dataclass(frozen=True)
class Parameters:
    """Published parameter count in millions, right to its last printed digit."""

    name: str
    millions: float
    last_digit: float
    source: str


@pytest.mark.parametrize(
    "published",
    [
        Parameters("c3d", 78.4, 0.1, "MMAction2, configs/recognition/c3d/README.md"),
        Parameters("x3d_m", 3.8, 0.1, "PySlowFast, MODEL_ZOO.md"),
        Parameters("x3d_m", 3.79, 0.01, "PyTorchVideo, model zoo"),
        Parameters("slowonly_r50", 32.45, 0.01, "MMAction2, configs/recognition/slowonly/README.md"),
        Parameters("posec3d", 2.0, 0.1, "MMAction2, configs/skeleton/posec3d/README.md"),
        Parameters("timesformer", 122, 1, "MMAction2, configs/recognition/timesformer/README.md"),
        Parameters("r3d_18", 33.371472, 1e-6, "torchvision, R3D_18_Weights"),
        Parameters("mc3_18", 11.695440, 1e-6, "torchvision, MC3_18_Weights"),
        Parameters("r2plus1d_18", 31.505325, 1e-6, "torchvision, R2Plus1D_18_Weights"),
        Parameters("s3d", 8.320048, 1e-6, "torchvision, S3D_Weights"),
        Parameters("mvit_v2_s", 34.537744, 1e-6, "torchvision, MViT_V2_S_Weights"),
        Parameters("swin3d_t", 28.158070, 1e-6, "torchvision, Swin3D_T_Weights"),
    ],
    ids=lambda published: f"{published.name}-{published.millions}M",
)
def test_parameters_are_those_published(published: Parameters) -> None:
    millions = sum(parameter.numel() for parameter in meta_model(published.name).parameters()) / MEGA
    assert abs(millions - published.millions) <= published.last_digit / 2 + 1e-9, published.source


@dataclasses.dataclass(frozen=True)
class Macs:
    """Published multiply-adds, in units of 10⁹, of one clip (frames, height, width)."""

    name: str
    clip: tuple[int, int, int]
    giga: float
    tolerance: float
    source: str


@pytest.mark.parametrize(
    "published",
    [
        Macs("c3d", (16, 112, 112), 38.5, 0.002, "MMAction2, configs/recognition/c3d/README.md"),
        Macs("x3d_m", (16, 224, 224), 4.73, 0.002, "PySlowFast, MODEL_ZOO.md"),
        # Printed for the 256 × 256 crops of the test config, batch norms included: fvcore, which
        # includes them too, gives 54.751 there.
        Macs(
            "slowonly_r50", (8, 256, 256), 54.75, 0.006, "MMAction2, configs/recognition/slowonly/README.md"
        ),
        # Printed for the test size, batch norms included: fvcore gives 20.605 there.
        Macs("posec3d", (48, 64, 64), 20.6, 0.01, "MMAction2, configs/skeleton/posec3d/README.md"),
        Macs(
            "timesformer", (8, 224, 224), 196, 0.002, "MMAction2, configs/recognition/timesformer/README.md"
        ),
        Macs("r3d_18", (16, 112, 112), 40.697, 1e-4, "torchvision, R3D_18_Weights"),
        Macs("mc3_18", (16, 112, 112), 43.343, 1e-4, "torchvision, MC3_18_Weights"),
        Macs("r2plus1d_18", (16, 112, 112), 40.519, 1e-4, "torchvision, R2Plus1D_18_Weights"),
        Macs("s3d", (16, 224, 224), 17.979, 1e-4, "torchvision, S3D_Weights"),
        Macs("mvit_v2_s", (16, 224, 224), 64.224, 1e-4, "torchvision, MViT_V2_S_Weights"),
        Macs("swin3d_t", (16, 224, 224), 43.882, 1e-4, "torchvision, Swin3D_T_Weights"),
        Macs("swin3d_t", (32, 224, 224), 87.9, 0.002, "Video Swin Transformer, README"),
    ],
    ids=lambda published: f"{published.name}-{published.giga}G",
)
def test_multiply_adds_are_those_published(published: Macs) -> None:
    counted = giga_macs(published.name, published.clip)
    assert counted == pytest.approx(published.giga, rel=published.tolerance), published.source


def test_slowonly_costs_a_quarter_less_at_the_224_pixels_of_its_training() -> None:
    assert giga_macs("slowonly_r50", (8, 224, 224)) == pytest.approx(41.741, rel=1e-4)


def test_posec3d_costs_15_6_billion_multiply_adds_at_the_size_that_epam_net_reads() -> None:
    assert giga_macs("posec3d", (48, 56, 56)) == pytest.approx(15.631, rel=1e-4)


def test_s3d_costs_eight_times_as_much_over_the_128_frames_of_its_accuracy() -> None:
    assert giga_macs("s3d", (128, 224, 224)) == pytest.approx(143.8, rel=0.001)
