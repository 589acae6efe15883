"""A split whose right scores can be read off its annotations, and the network that gives them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from epam.data.annotations import Annotation, Problem
from epam.data.clip_size import ClipSize
from epam.data.data_root import Split
from epam.data.datasets import custom_protocol
from epam.data.pipelines import Pipeline
from epam.data.store import SkeletonStore
from epam.epam_net import EPAMLogits

CLASSES = 5
SIDE = 10


class Peaks(nn.Module):
    """Logits that are the confidences of the first joints: the highest value of each one's heatmap.

    A maximum is the same whatever is computed beside it, so that scores can be compared bit by bit.
    """

    def forward(self, heatmaps: Tensor) -> EPAMLogits:
        peaks = heatmaps.amax(dim=(2, 3, 4))
        return EPAMLogits(rgb=peaks[:, :CLASSES], pose=peaks[:, CLASSES : 2 * CLASSES])


def annotate(name: str, label: int, scores: np.ndarray) -> Annotation:
    """Two frames of one person, every joint with its own confidence and on a whole pixel of its heatmap.

    Joints span 40 × 40 pixels, so that their box has 50 and a pixel of the heatmap 5.
    """
    places = np.array([(joint % 9, joint // 2) for joint in range(17)], dtype=np.float32)
    keypoint = np.broadcast_to(10 + 5 * places, (1, 2, 17, 2)).copy()
    return Annotation(name, label, (60, 60), 2, keypoint, np.broadcast_to(scores, (1, 2, 17)).copy())


@pytest.fixture
def peaks() -> nn.Module:
    return Peaks()


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline("pose", ClipSize(pose_frames=2, heatmap_side=SIDE))


@pytest.fixture
def make_split() -> Callable[..., Split]:
    """Make a split of some samples; of those in ``absent`` nobody is seen."""

    def make(size: int, *, absent: tuple[int, ...] = (), problems: tuple[Problem, ...] = ()) -> Split:
        draw = np.random.default_rng(size)
        annotations = []
        for index in range(size):
            scores = np.zeros(17) if index in absent else draw.uniform(0.1, 1.0, 17)
            # Names in another order than the samples: the order must be the split's.
            name = f"{(index * 37) % 101:03}-{index}"
            annotations.append(annotate(name, int(draw.integers(CLASSES)), scores.astype(np.float32)))
        return Split(
            dataset="custom",
            protocol=custom_protocol("mine", num_classes=CLASSES),
            part="test",
            name="mine_test",
            store=SkeletonStore.pack(annotations),
            rows=np.arange(size),
            problems=problems,
            videos=None,
            origin="made up",
            caveats=("made up",),
        )

    return make


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Processes are forked here: no pool of threads must have been started before."""
    torch.set_num_threads(1)
