from __future__ import annotations

import pytest
import torch

from epam.errors import UnknownNameError
from epam_baselines.skeleton_graph import (
    COCO,
    LAYOUTS,
    NTU,
    SkeletonLayout,
    bones,
    direction_partition,
    distance_partition,
    skeleton_layout,
)

CHAIN = SkeletonLayout("chain", parents=(0, 0, 1, 2), bone_origins=(0, 0, 1, 2), has_confidence=False)
"""Four joints in a row; the first is the centre."""

FORK = SkeletonLayout("fork", parents=(0, 0, 0), bone_origins=(0, 0, 0), has_confidence=True)
"""A centre with two joints at it."""


def test_layouts_have_the_joints_and_the_centre_of_their_data_sets() -> None:
    assert (COCO.joints, COCO.center) == (17, 0)
    assert (NTU.joints, NTU.center) == (25, 20)
    assert set(LAYOUTS) == {"coco", "nturgb+d"}


@pytest.mark.parametrize("layout", [COCO, NTU], ids=lambda layout: layout.name)
def test_every_joint_reaches_the_centre_and_the_joint_where_its_bone_begins_is_near(
    layout: SkeletonLayout,
) -> None:
    for joint in range(layout.joints):
        path = [joint]
        while path[-1] != layout.center:
            path.append(layout.parents[path[-1]])
            assert len(path) <= layout.joints
    assert len(layout.bone_origins) == layout.joints
    assert layout.bone_origins[layout.center] == layout.center


def test_left_and_right_of_a_coco_skeleton_mirror_each_other() -> None:
    mirror = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
    for tree in (COCO.parents, COCO.bone_origins):
        assert [mirror[tree[mirror[joint]]] for joint in range(17)] == list(tree)


def test_an_unknown_layout_is_refused_with_the_nearest() -> None:
    assert skeleton_layout("coco") is COCO
    with pytest.raises(UnknownNameError, match="skeleton layout 'ntu'; did you mean 'nturgb\\+d'"):
        skeleton_layout("ntu")


def test_directions_are_itself_the_parent_and_the_children_in_equal_shares() -> None:
    itself, inward, outward = direction_partition(FORK)
    features = torch.tensor([1.0, 10.0, 100.0])
    assert (features @ itself).tolist() == [1.0, 10.0, 100.0]
    assert (features @ inward).tolist() == [0.0, 1.0, 1.0]
    assert (features @ outward).tolist() == [55.0, 0.0, 0.0]


def test_distances_are_itself_the_no_nearer_and_the_nearer_sharing_one() -> None:
    itself, no_nearer, nearer = distance_partition(FORK)
    features = torch.tensor([1.0, 10.0, 100.0])
    torch.testing.assert_close(features @ itself, torch.tensor([1 / 3, 5.0, 50.0]))
    torch.testing.assert_close(features @ no_nearer, torch.tensor([110 / 3, 0.0, 0.0]))
    torch.testing.assert_close(features @ nearer, torch.tensor([0.0, 0.5, 0.5]))


def test_beyond_one_edge_from_the_centre_all_joints_count_as_equally_far() -> None:
    _, no_nearer, nearer = distance_partition(CHAIN)
    # Joint 2 is one edge nearer to the centre than joint 3 is, but neither is at it or next to it.
    assert (nearer.nonzero().tolist(), no_nearer.nonzero().tolist()) == (
        [[0, 1], [1, 2]],
        [[1, 0], [2, 1], [2, 3], [3, 2]],
    )


@pytest.mark.parametrize("layout", [COCO, NTU], ids=lambda layout: layout.name)
def test_the_two_partitions_have_the_same_edges_and_each_joint_takes_one_in_all(
    layout: SkeletonLayout,
) -> None:
    directions, distances = direction_partition(layout), distance_partition(layout)
    assert directions.shape == distances.shape == (3, layout.joints, layout.joints)
    assert torch.equal(directions.sum(0) > 0, distances.sum(0) > 0)
    assert int((distances > 0).sum()) == 3 * layout.joints - 2
    torch.testing.assert_close(distances.sum((0, 1)), torch.ones(layout.joints))


def test_matrices_are_built_on_the_default_device() -> None:
    with torch.device("meta"):
        assert direction_partition(COCO).is_meta
        assert distance_partition(NTU).is_meta


def test_a_bone_is_the_joint_minus_its_origin_and_confidences_are_averaged() -> None:
    skeleton = torch.tensor([[5.0, 5.0, 1.0], [7.0, 4.0, 0.5], [5.0, 9.0, 0.0]])
    assert bones(skeleton, FORK).tolist() == [[0.0, 0.0, 1.0], [2.0, -1.0, 0.75], [0.0, 4.0, 0.5]]


def test_a_depth_is_subtracted_like_the_other_coordinates() -> None:
    skeleton = torch.arange(12.0).reshape(4, 3) ** 2
    expected = skeleton - skeleton[[0, 0, 1, 2]]
    assert torch.equal(bones(skeleton, CHAIN), expected)


def test_bones_keep_the_axes_in_front() -> None:
    skeleton = torch.randn(2, 2, 4, 25, 3)
    assert torch.equal(bones(skeleton, NTU)[1, 0, 3], bones(skeleton[1, 0, 3], NTU))
