"""Skeletons as graphs: which joints there are, what joins them, and the matrices that mix their features.

Numbers of joints, edges, centres and bones are those of MMAction2 (mmaction/models/utils/graph.py and the
``JointToBone`` of mmaction/datasets/transforms/pose_transforms.py), which its published graph networks
were trained with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from epam.errors import UnknownNameError

SUBSETS = 3
"""Parts of a joint's neighbourhood, each with weights of its own."""

Matrix = list[list[float]]


@dataclass(frozen=True)
class SkeletonLayout:
    """The joints of one kind of skeleton as a tree.

    Attributes:
        name: as MMAction2 calls it.
        parents: the joint one step nearer to the centre, for each joint; the centre's is itself.
        bone_origins: the joint where each joint's bone begins, which the bone stream subtracts. Not the
            parents throughout: MMAction2 takes a hip's bone from the nose, a hand tip's from the thumb.
        has_confidence: whether the third coordinate is a detector's confidence and not a depth.
    """

    name: str
    parents: tuple[int, ...]
    bone_origins: tuple[int, ...]
    has_confidence: bool

    @property
    def joints(self) -> int:
        """How many there are."""
        return len(self.parents)

    @property
    def center(self) -> int:
        """The joint that the others hang from: the nose, or the spine between the shoulders."""
        return next(joint for joint, parent in enumerate(self.parents) if joint == parent)


COCO = SkeletonLayout(
    name="coco",
    # nose; eyes; ears; shoulders; elbows; wrists; hips; knees; ankles: left, then right.
    parents=(0, 0, 0, 1, 2, 0, 0, 5, 6, 7, 8, 5, 6, 11, 12, 13, 14),
    bone_origins=(0, 0, 0, 1, 2, 0, 0, 5, 6, 7, 8, 0, 0, 11, 12, 13, 14),
    has_confidence=True,
)
"""17 joints that a 2-D detector finds: ``(x, y, confidence)`` each."""

NTU = SkeletonLayout(
    name="nturgb+d",
    # spine's base and middle, neck, head; left arm; right arm; left leg; right leg; upper spine; tip and
    # thumb of the left hand, of the right.
    parents=(1, 20, 20, 2, 20, 4, 5, 6, 20, 8, 9, 10, 0, 12, 13, 14, 0, 16, 17, 18, 20, 7, 7, 11, 11),
    bone_origins=(1, 20, 20, 2, 20, 4, 5, 6, 20, 8, 9, 10, 0, 12, 13, 14, 0, 16, 17, 18, 20, 22, 7, 24, 11),
    has_confidence=False,
)
"""25 joints of the Kinect's second version: ``(x, y, z)`` in metres each."""

LAYOUTS: Mapping[str, SkeletonLayout] = MappingProxyType({layout.name: layout for layout in (COCO, NTU)})


def skeleton_layout(name: str) -> SkeletonLayout:
    """Look a layout up by name.

    Raises:
        UnknownNameError: no such layout; the nearest are named.
    """
    if name not in LAYOUTS:
        raise UnknownNameError("skeleton layout", name, LAYOUTS)
    return LAYOUTS[name]


def direction_partition(layout: SkeletonLayout) -> Tensor:
    """``(3, V, V)``: a joint itself, the joint that it hangs from, the joints that hang from it.

    ``features @ matrix`` mixes: entry ``[k, v, w]`` is what joint ``w`` takes of joint ``v``. What a joint
    takes from each part sums to one, or to zero where the part is empty. MMAction2's mode ``spatial``,
    which 2s-AGCN, CTR-GCN and ST-GCN++ use.
    """
    itself, inward, outward = (_zeros(layout.joints) for _ in range(SUBSETS))
    for joint, parent in enumerate(layout.parents):
        itself[joint][joint] = 1.0
        if joint != parent:
            inward[parent][joint] = 1.0
            outward[joint][parent] = 1.0
    return torch.tensor([_columns_to_one(matrix) for matrix in (itself, inward, outward)])


def distance_partition(layout: SkeletonLayout) -> Tensor:
    """``(3, V, V)``: a joint itself, neighbours no nearer to the centre, neighbours nearer to it.

    ``features @ matrix`` mixes, as in :func:`direction_partition`, but what a joint takes from all three
    parts together sums to one. ST-GCN's spatial configuration partitioning; MMAction2's mode
    ``stgcn_spatial``. There distances are known up to one edge only, so two joints that are both
    further away count as equally far, and all but the centre's own neighbours fall into the second part.
    The published weights were trained so, and their checkpoints hold these matrices.
    """
    itself, no_nearer, nearer = (_zeros(layout.joints) for _ in range(SUBSETS))
    for joint in range(layout.joints):
        neighbours = [other for other in range(layout.joints) if _joined(layout, joint, other)]
        share = 1.0 / (1 + len(neighbours))
        itself[joint][joint] = share
        for other in neighbours:
            part = nearer if _edges_to_center(layout, other) < _edges_to_center(layout, joint) else no_nearer
            part[other][joint] = share
    return torch.tensor([itself, no_nearer, nearer])


def bones(skeleton: Tensor, layout: SkeletonLayout) -> Tensor:
    """``(…, V, 3) → (…, V, 3)``: each joint minus the origin of its bone.

    A confidence is not subtracted: the bone's is the mean of its two ends' (MMAction2's ``JointToBone``).
    """
    joints = skeleton.unbind(-2)
    origins = torch.stack([joints[origin] for origin in layout.bone_origins], dim=-2)
    difference = skeleton - origins
    if not layout.has_confidence:
        return difference
    confidence = (skeleton[..., 2:] + origins[..., 2:]) / 2
    return torch.cat((difference[..., :2], confidence), dim=-1)


def _joined(layout: SkeletonLayout, joint: int, other: int) -> bool:
    return joint != other and (layout.parents[joint] == other or layout.parents[other] == joint)


def _edges_to_center(layout: SkeletonLayout, joint: int) -> float:
    """Edges from the centre, as far as they are known: infinitely many beyond the first."""
    if joint == layout.center:
        return 0.0
    return 1.0 if layout.parents[joint] == layout.center else float("inf")


def _zeros(size: int) -> Matrix:
    return [[0.0] * size for _ in range(size)]


def _columns_to_one(matrix: Sequence[Sequence[float]]) -> Matrix:
    sums = [sum(column) or 1.0 for column in zip(*matrix, strict=True)]
    return [[value / total for value, total in zip(row, sums, strict=True)] for row in matrix]
