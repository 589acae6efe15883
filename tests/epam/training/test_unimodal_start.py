from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import epam
from epam.checkpoints import export_published, hash_weights, published_state, save_checkpoint
from epam.errors import CheckpointError, InputError
from epam.training.trained_model import TrainedModel, write_trained_model
from epam.training.unimodal_start import start_from_unimodal

Describe = Callable[..., TrainedModel]

RGB_BLOCKS, POSE_BLOCKS = (1, 1, 1, 1), (1, 1, 1)


def thin_pose(num_classes: int = 5, stem_channels: int = 8) -> epam.XShiftNetRecognizer:
    return epam.x_shiftnet_pose(num_classes, stem_channels=stem_channels, stage_blocks=POSE_BLOCKS)


def thin_rgb(num_classes: int = 5) -> epam.XShiftNetRecognizer:
    return epam.x_shiftnet_rgb(num_classes, stem_channels=8, stage_blocks=RGB_BLOCKS)


@pytest.fixture
def fused() -> epam.EPAMNet:
    return epam.EPAMNet(5, stem_channels=8, rgb_blocks=RGB_BLOCKS, pose_blocks=POSE_BLOCKS)


def state_of(model: nn.Module, prefix: str) -> dict[str, Tensor]:
    return {
        key.removeprefix(prefix): value.clone()
        for key, value in model.state_dict().items()
        if key.startswith(prefix)
    }


def holds(model: nn.Module, stream: str, parent: epam.XShiftNetRecognizer) -> bool:
    return all(
        hash_weights(state_of(model, f"{stream}_{part}.")) == hash_weights(state_of(parent, f"{part}."))
        for part in ("backbone", "cls_head")
    )


def test_both_streams_start_from_theirs_and_the_attention_stays_fresh(
    tmp_path: Path, fused: epam.EPAMNet, lively: Callable[[nn.Module], nn.Module]
) -> None:
    pose, rgb = lively(thin_pose()), lively(thin_rgb())
    pose_sha256 = save_checkpoint(pose, tmp_path / "pose.safetensors")
    export_published(rgb, tmp_path / "rgb.pth")
    attention = hash_weights(state_of(fused, "attention_module."))

    parents = start_from_unimodal(
        fused,
        pose=tmp_path / "pose.safetensors",
        rgb=tmp_path / "rgb.pth",
        dataset="embedded",
        protocol="xsub",
    )

    assert holds(fused, "pose", pose)  # type: ignore[arg-type]
    assert holds(fused, "rgb", rgb)  # type: ignore[arg-type]
    assert hash_weights(state_of(fused, "attention_module.")) == attention
    assert [(parent.stream, parent.path, parent.weights_sha256) for parent in parents] == [
        ("pose", "pose.safetensors", pose_sha256),
        ("rgb", "rgb.pth", hash_weights(rgb.state_dict())),
    ]


@pytest.mark.parametrize("wrapping", ["state_dict", "model_state_dict", "bare"])
@pytest.mark.parametrize("prefix", ["", "pose_", "module.", "module.pose_"])
def test_every_published_prefix_loads_everything(
    tmp_path: Path, fused: epam.EPAMNet, prefix: str, wrapping: str
) -> None:
    pose = thin_pose()
    state = {prefix + key: value for key, value in published_state(pose).items()}
    torch.save(state if wrapping == "bare" else {wrapping: state}, tmp_path / "pose.pth")

    start_from_unimodal(fused, pose=tmp_path / "pose.pth", rgb=None)

    assert holds(fused, "pose", pose)


def test_without_files_nothing_is_loaded(fused: epam.EPAMNet) -> None:
    before = hash_weights(fused.state_dict())

    assert start_from_unimodal(fused, pose=None, rgb=None) == ()
    assert hash_weights(fused.state_dict()) == before


@pytest.mark.parametrize(
    ("parent", "message"),
    [
        (lambda: thin_pose(7), "the file is for 7 classes, the model for 5"),
        (
            lambda: thin_pose(stem_channels=16),
            r"mis-shaped: backbone\.conv1_s\.conv\.weight \(16, 17, 1, 3, 3\)",
        ),
        (thin_rgb, "pose stream: .*surplus: backbone.layer4"),
    ],
)
def test_weights_that_do_not_fit_load_nothing_and_say_why(
    tmp_path: Path, fused: epam.EPAMNet, parent: Callable[[], nn.Module], message: str
) -> None:
    export_published(parent(), tmp_path / "pose.pth")
    before = hash_weights(fused.state_dict())

    with pytest.raises(CheckpointError, match=message):
        start_from_unimodal(fused, pose=tmp_path / "pose.pth", rgb=None)

    assert hash_weights(fused.state_dict()) == before


def test_a_backbone_without_its_head_is_refused(tmp_path: Path, fused: epam.EPAMNet) -> None:
    state = {f"backbone.{key}": value for key, value in thin_pose().backbone.state_dict().items()}
    torch.save(state, tmp_path / "pose.pth")

    with pytest.raises(CheckpointError, match=r"2 missing: cls_head\.fc_cls"):
        start_from_unimodal(fused, pose=tmp_path / "pose.pth", rgb=None)


OPTIONS = {"stem_channels": 8, "stage_blocks": POSE_BLOCKS}


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"num_classes": 7}, r"trained for 7 classes \(embedded xsub\), and the network to be trained has 5"),
        (
            {"options": {**OPTIONS, "stem_channels": 12}},
            "trained with stem_channels = 12, and the pose stream to be trained has stem_channels = 8",
        ),
        (
            {"options": {"stem_channels": 8}},
            r"trained with stage_blocks = \(5, 11, 7\), and .* has stage_blocks = \(1, 1, 1\)",
        ),
        (
            {"options": {**OPTIONS, "temporal_shift": False}},
            "trained with temporal_shift = False, and .* has temporal_shift = True",
        ),
        (
            {"model": "x_shiftnet_rgb"},
            "weights of x_shiftnet_rgb, and the pose stream starts from x_shiftnet_pose",
        ),
        (
            {"protocol": "xview"},
            "trained on embedded xview, which may hold the people that embedded xsub tests on",
        ),
    ],
)
def test_a_manifest_that_contradicts_the_run_names_both(
    tmp_path: Path, fused: epam.EPAMNet, describe_training: Describe, facts: dict, message: str
) -> None:
    path = tmp_path / "best.safetensors"
    digest = save_checkpoint(thin_pose(), path)
    agreeing = {"weights_sha256": digest, "num_classes": 5, "options": OPTIONS}
    write_trained_model(path, describe_training(**agreeing))
    start_from_unimodal(fused, pose=path, rgb=None, dataset="embedded", protocol="xsub")
    before = hash_weights(fused.state_dict())
    write_trained_model(path, describe_training(**{**agreeing, **facts}))

    with pytest.raises(CheckpointError, match=message):
        start_from_unimodal(fused, pose=path, rgb=None, dataset="embedded", protocol="xsub")

    assert hash_weights(fused.state_dict()) == before


def test_a_model_of_one_stream_cannot_start_from_two() -> None:
    with pytest.raises(InputError, match="XShiftNetRecognizer has no pose and RGB streams"):
        start_from_unimodal(thin_pose(), pose=Path("pose.pth"), rgb=None)


@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "module."])
def test_a_multimodal_file_gives_each_stream_its_own_part(
    tmp_path: Path, fused: epam.EPAMNet, wrapped: bool
) -> None:
    other = epam.EPAMNet(5, stem_channels=8, rgb_blocks=RGB_BLOCKS, pose_blocks=POSE_BLOCKS)
    path = tmp_path / "fused.pth"
    torch.save(
        {("module." if wrapped else "") + key: value for key, value in published_state(other).items()}, path
    )
    attention = hash_weights(state_of(fused, "attention_module."))

    start_from_unimodal(fused, pose=path, rgb=path)

    for part in ("pose_backbone.", "pose_cls_head.", "rgb_backbone.", "rgb_cls_head."):
        assert hash_weights(state_of(fused, part)) == hash_weights(state_of(other, part))
    assert hash_weights(state_of(fused, "attention_module.")) == attention


@pytest.mark.parametrize("agrees", [True, False])
def test_a_multimodal_manifests_blocks_are_held_against_the_streams(
    tmp_path: Path, fused: epam.EPAMNet, describe_training: Describe, agrees: bool
) -> None:
    path = tmp_path / "best.safetensors"
    digest = save_checkpoint(fused, path)
    options = {
        "stem_channels": 8,
        "rgb_blocks": RGB_BLOCKS,
        "pose_blocks": POSE_BLOCKS if agrees else (1, 2, 1),
    }
    write_trained_model(
        path,
        describe_training(weights_sha256=digest, num_classes=5, model="epam_net", options=options),
    )
    if agrees:
        assert start_from_unimodal(fused, pose=path, rgb=None)[0].stream == "pose"
    else:
        with pytest.raises(CheckpointError, match=r"stage_blocks = \(1, 2, 1\)"):
            start_from_unimodal(fused, pose=path, rgb=None)
