"""EPAM-Net and its two streams alone, as rows of the catalogue.

"EPAM-Net", Neurocomputing 2025 (arXiv 2408.05421v2); views: its README, one clip a video.
"""

from __future__ import annotations

from epam.epam_net import EPAMNet
from epam.x_shiftnet import x_shiftnet_pose, x_shiftnet_rgb
from epam_baselines.specification import ModelSpec

RGB = (3, 16, 224, 224)
HEATMAPS = (17, 48, 56, 56)
PAPER = "EPAM-Net, Neurocomputing 2025"


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
    build=EPAMNet,
    head=("rgb_cls_head", "pose_cls_head"),
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
    build=x_shiftnet_rgb,
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
    build=x_shiftnet_pose,
)
