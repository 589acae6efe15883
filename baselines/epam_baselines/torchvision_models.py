"""The six baselines that torchvision publishes, at the input and views of its Kinetics-400 figures.

Networks and state-dict names are torchvision's own, so that its published weights load. torchvision
takes more than a second to import: a builder does it, so that the catalogue need not.
"""

from __future__ import annotations

import functools
from typing import Any

from torch import nn

from epam_baselines.clip_shape import require_clip_shape
from epam_baselines.specification import ModelSpec

VIDEO_FPS = 30
"""Nominal frame rate of Kinetics' videos, to turn torchvision's frame rates into frame intervals."""

MVIT_CLIP = (3, 16, 224, 224)
"""The grid of patches that MViTv2's relative positions are built for."""


def build_r3d_18(*, num_classes: int) -> nn.Module:
    """ResNet-18 with 3-D convolutions throughout."""
    return _build("r3d_18", num_classes)


def build_mc3_18(*, num_classes: int) -> nn.Module:
    """ResNet-18 with 3-D convolutions in its first stages, 2-D in the rest."""
    return _build("mc3_18", num_classes)


def build_r2plus1d_18(*, num_classes: int) -> nn.Module:
    """ResNet-18 with every 3-D convolution split into space and time."""
    return _build("r2plus1d_18", num_classes)


def build_s3d(*, num_classes: int) -> nn.Module:
    """Inception with separable 3-D convolutions."""
    return _build("s3d", num_classes)


def build_mvit_v2_s(*, num_classes: int) -> nn.Module:
    """Multiscale vision transformer, small, that refuses clips off its grid in one line."""
    model = _build("mvit_v2_s", num_classes)
    model.register_forward_pre_hook(_require_mvit_clip)
    return model


def build_swin3d_t(*, num_classes: int) -> nn.Module:
    """Video Swin transformer, tiny."""
    return _build("swin3d_t", num_classes)


def _build(name: str, num_classes: int) -> nn.Module:
    from torchvision.models import video

    return getattr(video, name)(weights=None, num_classes=num_classes)


def _require_mvit_clip(_: nn.Module, inputs: tuple[Any, ...]) -> None:
    require_clip_shape(inputs[0], MVIT_CLIP, model="mvit_v2_s")


# Parameters, MACs (`meta["_ops"]`), accuracy and its protocol (`meta["_docs"]`) of every weight enum
# are in torchvision/models/video/*.py; `clips` is its `clips_per_video`, each one centre crop.
# `frame_interval` is its `frame_rate` in a video of VIDEO_FPS: at 15 frames a second every second one.
_spec = functools.partial(ModelSpec, modalities=("rgb",), crops=1, num_classes=400)

R3D_18 = _spec(
    name="r3d_18",
    title="R3D-18",
    paper="Tran et al., CVPR 2018",
    year=2018,
    inputs={"rgb": (3, 16, 112, 112)},
    clips=5,
    build=build_r3d_18,
    frame_interval=2,
    head=("fc",),
)
MC3_18 = _spec(
    name="mc3_18",
    title="MC3-18",
    paper="Tran et al., CVPR 2018",
    year=2018,
    inputs={"rgb": (3, 16, 112, 112)},
    clips=5,
    build=build_mc3_18,
    frame_interval=2,
    head=("fc",),
)
R2PLUS1D_18 = _spec(
    name="r2plus1d_18",
    title="R(2+1)D-18",
    paper="Tran et al., CVPR 2018",
    year=2018,
    inputs={"rgb": (3, 16, 112, 112)},
    clips=5,
    build=build_r2plus1d_18,
    frame_interval=2,
    head=("fc",),
)
# 16 frames is where torchvision counts its operations; its 68.37 % was taken over clips of 128 frames,
# eight times the MACs: count that with a 128×224×224 clip.
S3D = _spec(
    name="s3d",
    title="S3D",
    paper="Xie et al., ECCV 2018",
    year=2018,
    inputs={"rgb": (3, 16, 224, 224)},
    clips=1,
    build=build_s3d,
    frame_interval=2,
    head=("classifier",),
    notes=(
        "torchvision counts operations at 16 frames and measures 68.37 % with one clip of 128: that "
        "accuracy costs eight times these MACs",
    ),
)
MVIT_V2_S = _spec(
    name="mvit_v2_s",
    title="MViT-V2-S",
    paper="Li et al., CVPR 2022",
    year=2022,
    inputs={"rgb": MVIT_CLIP},
    clips=5,
    build=build_mvit_v2_s,
    frame_interval=4,
    head=("head",),
)
# 32 frames, because its 77.72 % (and the paper's 87.9 G MACs) are for 32; torchvision counts at 16.
SWIN3D_T = _spec(
    name="swin3d_t",
    title="Swin3D-T",
    paper="Liu et al., CVPR 2022",
    year=2022,
    inputs={"rgb": (3, 32, 224, 224)},
    clips=12,
    build=build_swin3d_t,
    frame_interval=2,
    head=("head",),
)
