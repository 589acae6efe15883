"""EPAM-Net and its two streams alone, as rows of the catalogue.

"EPAM-Net", Neurocomputing 2025 (arXiv 2408.05421v2); views: its README, one clip a video.
"""

from __future__ import annotations

from torch import nn

import epam
from epam_baselines.model_spec import ModelSpec

RGB = (3, 16, 224, 224)
HEATMAPS = (17, 48, 56, 56)
PAPER = "EPAM-Net, Neurocomputing 2025"


def build_epam_net(*, num_classes: int) -> nn.Module:
    """Both streams, the RGB one guided by the pose one's attention."""
    return epam.EPAMNet(num_classes=num_classes)


def build_x_shiftnet_rgb(*, num_classes: int) -> nn.Module:
    """The RGB stream alone."""
    return epam.x_shiftnet_rgb(num_classes=num_classes)


def build_x_shiftnet_pose(*, num_classes: int) -> nn.Module:
    """The pose stream alone."""
    return epam.x_shiftnet_pose(num_classes=num_classes)


EPAM_NET = ModelSpec(
    name="epam_net",
    title="EPAM-Net",
    paper=PAPER,
    year=2025,
    modalities=("rgb", "pose"),
    inputs={"rgb": RGB, "heatmaps": HEATMAPS},
    clips=1,
    crops=1,
    num_classes=60,
    build=build_epam_net,
)
X_SHIFTNET_RGB = ModelSpec(
    name="x_shiftnet_rgb",
    title="X-ShiftNet RGB",
    paper=PAPER,
    year=2025,
    modalities=("rgb",),
    inputs={"rgb": RGB},
    clips=1,
    crops=1,
    num_classes=60,
    build=build_x_shiftnet_rgb,
)
X_SHIFTNET_POSE = ModelSpec(
    name="x_shiftnet_pose",
    title="X-ShiftNet Pose",
    paper=PAPER,
    year=2025,
    modalities=("pose",),
    inputs={"heatmaps": HEATMAPS},
    clips=1,
    crops=1,
    num_classes=60,
    build=build_x_shiftnet_pose,
)
