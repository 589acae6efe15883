"""PoseC3D: a slim SlowOnly-R50 that reads stacked keypoint heatmaps instead of pixels.

Duan et al., "Revisiting Skeleton-based Action Recognition", CVPR 2022, section 3.2 and table 2.
"""

from __future__ import annotations

from torch import Tensor, nn

from epam_baselines.mmaction_layout import PooledClassifier
from epam_baselines.slowonly import slowonly_backbone
from epam_baselines.specification import ModelSpec


class PoseC3D(nn.Module):
    """PoseC3D under the names of MMAction2's published checkpoints.

    Next to SlowOnly-R50: half the width, no first stage, and a stem that keeps the size, because
    heatmaps are small already.

    ::

        heatmaps ─ conv1 1×7×7 ─ max pool ─ layer1 ─ layer2 ─ layer3 ─ mean ─ fc_cls
                                            1 frame  └── 3×1×1 ──┘
    """

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        self.backbone = slowonly_backbone(
            in_channels=17,
            width=32,
            blocks=(4, 6, 3),
            temporal=(False, True, True),
            spatial_strides=(2, 2, 2),
            temporal_strides=(1, 1, 2),
            stem_stride=1,
        )
        self.cls_head = PooledClassifier(512, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 17, T, H, W) → (N, num_classes)``."""
        return self.cls_head(self.backbone(x))


# Views: MMAction2, configs/skeleton/posec3d/README.md (NTU60 X-Sub, keypoints: 93.6 %, 10 clips;
# 2.0 M parameters, 20.6 G MACs). The MACs are, batch norms included, those of the 64² of its test
# pipeline: 20.605 by fvcore, 20.416 G of convolutions; at the 56² of training, given here, it is 15.631 G.
# Frames are drawn uniformly over the whole video, so that no interval is given.
SPEC = ModelSpec(
    name="posec3d",
    title="PoseC3D SlowOnly-R50",
    paper="Duan et al., CVPR 2022",
    year=2022,
    modalities=("pose",),
    inputs={"heatmaps": (17, 48, 56, 56)},
    clips=10,
    crops=1,
    num_classes=60,
    build=PoseC3D,
    notes=(
        "Published accuracies of PoseC3D were taken at 64 × 64 heatmaps, 20.42 G a view, and each clip "
        "was seen mirrored as well, which no table counts as a view.",
    ),
)
