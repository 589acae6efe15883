"""Parameters and multiply-adds of MMAction2's networks against what it prints, to the last digit.

Its README files print multiply-adds of one crop of the test config as mmengine counts them: the head
left out (tools/analysis_tools/get_flops.py counts ``extract_feat``), two for every element of a batch
norm. Its version 0.x wrote whole numbers into the metafile.yml files, as mmcv counted them: the head in,
two for every element of a batch norm, one for every element into a ReLU and into a pool.
"""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from epam_baselines.csn import SPEC as CSN_R50
from epam_baselines.i3d import SPEC as I3D_R50
from epam_baselines.r2plus1d import SPEC as R2PLUS1D_R34
from epam_baselines.slowfast import SLOWFAST_R50_4X16, SLOWFAST_R50_8X8
from epam_baselines.slowonly import SLOWONLY_R50_4X16
from epam_baselines.slowonly import SPEC as SLOWONLY_R50
from epam_baselines.specification import ModelSpec, build_model
from epam_baselines.tsm import TSM_MOBILENET_V2, TSM_R50
from epam_baselines.tsn import SPEC as TSN_R50

GIGA = 1e9


def meta_model(spec: ModelSpec, num_classes: int | None = None) -> nn.Module:
    with torch.device("meta"):
        return build_model(spec, num_classes=num_classes).eval()


def parameters(spec: ModelSpec, num_classes: int | None = None) -> int:
    return sum(parameter.numel() for parameter in meta_model(spec, num_classes).parameters())


@dataclasses.dataclass
class Elements:
    """What one forward pass of a clip on the meta device meets, in multiply-adds or elements."""

    macs: int = 0
    head_macs: int = 0
    normed: int = 0
    normed_at_the_end_of_a_pair: int = 0
    rectified: int = 0
    pooled: int = 0


counted: dict[tuple[str, int], Elements] = {}


def count(spec: ModelSpec, side: int) -> Elements:
    """One clip of the spec's frames and of ``side`` pixels a side; counted once for all tests."""
    key = (spec.name, side)
    if key not in counted:
        counted[key] = count_now(spec, side)
    return counted[key]


def count_now(spec: ModelSpec, side: int) -> Elements:
    model = meta_model(spec)
    found = Elements()

    def meet(name: str, part: nn.Module, inputs: tuple[object, ...], output: Tensor) -> None:
        sizes = [value.numel() for value in inputs if isinstance(value, Tensor)]
        match part:
            case nn.BatchNorm2d() | nn.BatchNorm3d():
                found.normed += output.numel()
                found.normed_at_the_end_of_a_pair += 0 if name.endswith("bn_s") else output.numel()
            case nn.ReLU() | nn.ReLU6():
                found.rectified += output.numel()
            case nn.MaxPool2d() | nn.MaxPool3d():
                found.pooled += sum(sizes)
            case nn.Linear():
                found.head_macs += output.numel() * part.in_features
        if name == "cls_head":  # it begins with the mean over time and space
            found.pooled += sum(sizes)

    for name, part in model.named_modules():
        part.register_forward_hook(
            lambda part, inputs, output, name=name: meet(name, part, inputs, output)  # type: ignore[misc]
        )
    channels, frames, _, _ = spec.inputs["rgb"]
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(torch.empty(1, channels, frames, side, side, device="meta"))
    found.macs = counter.get_total_flops() // 2
    return found


@dataclasses.dataclass(frozen=True)
class Readme:
    """A row of a README of MMAction2: configs/recognition/…/README.md."""

    spec: ModelSpec
    side: int
    giga: float
    last_digit: float
    without_norms: float
    """Ours: convolutions and linear layers, the head in, norms left out."""


READMES = [
    Readme(I3D_R50, 256, 43.5, 0.1, 43.269),
    Readme(SLOWONLY_R50, 256, 54.75, 0.01, 54.518),
    Readme(SLOWONLY_R50_4X16, 256, 27.38, 0.01, 27.260),
    Readme(SLOWFAST_R50_4X16, 256, 36.3, 0.1, 36.099),
    Readme(SLOWFAST_R50_8X8, 256, 66.1, 0.1, 65.709),
    Readme(CSN_R50, 256, 55.9, 0.1, 55.260),
    Readme(R2PLUS1D_R34, 256, 53.1, 0.1, 52.978),
    Readme(TSN_R50, 224, 102.7, 0.1, 102.179),
    Readme(TSM_R50, 224, 32.88, 0.01, 32.704),
    Readme(TSM_MOBILENET_V2, 256, 3.269, 0.001, 3.134),
]


@pytest.mark.parametrize("row", READMES, ids=lambda row: row.spec.name)
def test_readme_figures_are_multiply_adds_at_the_test_crop_with_two_a_normed_element(row: Readme) -> None:
    found = count(row.spec, row.side)
    as_printed = (found.macs - found.head_macs + 2 * found.normed) / GIGA
    # mmengine rounds to three decimals, the README that again.
    assert abs(round(as_printed, 3) - row.giga) <= row.last_digit / 2 + 1e-9
    assert found.macs / GIGA == pytest.approx(row.without_norms, abs=5e-4)
    # Only where depthwise layers make batch norm a larger part does it hide more than 1 %.
    within_1_percent = abs(found.macs / GIGA / row.giga - 1) < 0.01
    assert within_1_percent == (row.spec.name not in ("csn_r50", "tsm_mobilenet_v2"))


@pytest.mark.parametrize(
    ("spec", "side", "published"),
    [
        (I3D_R50, 256, 43_564_040_192),
        (SLOWFAST_R50_4X16, 256, 36_441_296_896),
        (SLOWFAST_R50_8X8, 256, 66_222_034_944),
        (CSN_R50, 256, 56_209_211_392),
        (TSM_R50, 224, 32_965_562_368),
        (TSM_MOBILENET_V2, 256, 3_337_519_104),
    ],
    ids=lambda value: value.name if isinstance(value, ModelSpec) else str(value),
)
def test_metafile_figures_are_met_to_the_last_multiply_add(
    spec: ModelSpec, side: int, published: int
) -> None:
    found = count(spec, side)
    assert found.macs + 2 * found.normed + found.rectified + found.pooled == published


def test_the_metafile_of_r2plus1d_misses_the_synchronised_batch_norms() -> None:
    """Its configuration makes the norm behind each pair a ``SyncBN``, which mmcv does not count."""
    found = count(R2PLUS1D_R34, 256)
    normed = found.normed - found.normed_at_the_end_of_a_pair
    assert found.macs + 2 * normed + found.rectified + found.pooled == 53_175_572_992


@pytest.mark.parametrize(
    ("spec", "published"),
    [
        (I3D_R50, 28_043_472),
        (SLOWONLY_R50, 32_454_096),
        (SLOWONLY_R50_4X16, 32_454_096),
        (SLOWFAST_R50_4X16, 34_479_288),
        (SLOWFAST_R50_8X8, 34_565_560),
        (CSN_R50, 13_131_152),
        (R2PLUS1D_R34, 63_759_281),
        (TSN_R50, 24_327_632),
        (TSM_R50, 24_327_632),
        (TSM_MOBILENET_V2, 2_736_272),
    ],
    ids=lambda value: value.name if isinstance(value, ModelSpec) else str(value),
)
def test_parameters_are_those_of_the_metafiles(spec: ModelSpec, published: int) -> None:
    assert parameters(spec) == published


def test_the_parameters_that_tsms_readme_prints_are_those_of_174_classes() -> None:
    # mmengine rounds to three decimals (23.865 M), the README that again: 23.87 M.
    assert parameters(TSM_R50, num_classes=174) == 23_864_558
    assert parameters(TSM_R50) / 23.87e6 == pytest.approx(1.019, abs=1e-3)


@pytest.mark.parametrize(
    ("spec", "giga"),
    [
        (I3D_R50, 33.13),
        (SLOWONLY_R50, 41.74),
        (SLOWONLY_R50_4X16, 20.87),
        (SLOWFAST_R50_4X16, 27.64),
        (SLOWFAST_R50_8X8, 50.31),
        (CSN_R50, 42.31),
        (R2PLUS1D_R34, 40.56),
        (TSM_MOBILENET_V2, 2.40),
    ],
    ids=lambda value: value.name if isinstance(value, ModelSpec) else str(value),
)
def test_networks_cost_a_quarter_less_at_the_224_pixels_of_their_training(
    spec: ModelSpec, giga: float
) -> None:
    assert spec.inputs["rgb"][2:] == (224, 224)
    assert count(spec, 224).macs / GIGA == pytest.approx(giga, abs=5e-3)


@pytest.mark.parametrize("spec", [row.spec for row in READMES if row.side == 256], ids=lambda spec: spec.name)
def test_the_note_on_the_crop_has_the_cost_of_a_view_of_the_published_accuracy(spec: ModelSpec) -> None:
    stated = spec.notes[0].partition(" 256 crops, ")[2].partition(" G MACs")[0]
    decimals = len(stated.partition(".")[2])
    assert f"{count(spec, 256).macs / GIGA:.{decimals}f}" == stated


def test_clips_have_the_frames_and_the_interval_of_their_test_configs() -> None:
    """4x16, 8x8, 32x2: frames of a clip, and of the video from one to the next."""
    assert {
        spec.name: (spec.inputs["rgb"][1], spec.frame_interval) for spec in (row.spec for row in READMES)
    } == {
        "i3d_r50": (32, 2),
        "slowonly_r50": (8, 8),
        "slowonly_r50_4x16": (4, 16),
        "slowfast_r50_4x16": (32, 2),
        "slowfast_r50_8x8": (32, 2),
        "csn_r50": (32, 2),
        "r2plus1d_r34": (8, 8),
        "tsn_r50": (25, None),
        "tsm_r50": (8, None),
        "tsm_mobilenet_v2": (8, None),
    }
