from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torchvision.models import get_model_weights, video

from epam.errors import InputError
from epam_baselines import torchvision_models
from epam_baselines.torchvision_models import build_mvit_v2_s


def test_mvit_refuses_a_clip_off_its_grid_of_patches() -> None:
    with torch.device("meta"):
        model = build_mvit_v2_s(num_classes=4)
    assert model(torch.empty(1, 3, 16, 224, 224, device="meta")).shape == (1, 4)
    with pytest.raises(InputError, match=r"mvit_v2_s: clips must be \(N, 3, 16, 224, 224\)"):
        model(torch.empty(1, 3, 32, 224, 224, device="meta"))


def test_mvit_has_torchvisions_names_and_can_be_copied_and_pickled() -> None:
    with torch.device("meta"):
        ours, theirs = build_mvit_v2_s(num_classes=400), video.mvit_v2_s()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    again = pickle.loads(pickle.dumps(copy.deepcopy(ours)))
    with pytest.raises(InputError, match="mvit_v2_s"):
        again(torch.empty(1, 3, 8, 224, 224, device="meta"))


@pytest.mark.parametrize("name", ["r3d_18", "mc3_18", "r2plus1d_18", "s3d", "mvit_v2_s", "swin3d_t"])
def test_views_are_those_that_torchvision_says_its_accuracy_was_taken_with(name: str) -> None:
    documentation = get_model_weights(name).DEFAULT.meta["_docs"]
    spec = getattr(torchvision_models, name.upper())
    assert spec.name == name
    assert f"clips_per_video={spec.clips}`" in documentation
    # S3D alone is listed at 16 frames, not at the 128 of its accuracy.
    frames = 128 if name == "s3d" else spec.inputs["rgb"][1]
    assert f"clip_len={frames}`" in documentation
    assert spec.num_classes == len(get_model_weights(name).DEFAULT.meta["categories"])
    assert f"frame_rate={30 / spec.frame_interval:g}`" in documentation


@pytest.mark.parametrize("name", ["r3d_18", "mc3_18", "r2plus1d_18", "s3d", "mvit_v2_s", "swin3d_t"])
def test_the_head_holds_the_only_parameters_that_depend_on_the_number_of_classes(name: str) -> None:
    spec = getattr(torchvision_models, name.upper())
    with torch.device("meta"):
        few, many = (dict(spec.build(num_classes=classes).named_parameters()) for classes in (7, 9))
    changed = {key for key in few if few[key].shape != many[key].shape}
    assert changed == {key for key in few if key.startswith(spec.head)} != set()


def test_s3d_says_that_its_accuracy_was_taken_over_eight_times_the_frames() -> None:
    assert "128" in torchvision_models.S3D.notes[0]
