from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
from torch import nn

from epam.checkpoints import hash_weights, save_checkpoint
from epam.errors import CheckpointError
from epam.training.trained_model import (
    Parent,
    TrainedModel,
    manifest_path,
    read_trained_model,
    write_trained_model,
)

Describe = Callable[..., TrainedModel]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    save_checkpoint(nn.Linear(2, 2), tmp_path / "best.safetensors")
    return tmp_path / "best.safetensors"


@pytest.fixture
def trained(checkpoint: Path, describe_training: Describe) -> TrainedModel:
    weights = safetensors.torch.load_file(checkpoint)
    parent = Parent(stream="pose", path="pose.safetensors", weights_sha256="a" * 64)
    return describe_training(weights_sha256=hash_weights(weights), parents=(parent,))


def test_a_manifest_reads_back_equal(checkpoint: Path, trained: TrainedModel) -> None:
    path = write_trained_model(checkpoint, trained)

    assert path.name == "best.json"
    again = read_trained_model(checkpoint)
    assert again == trained
    assert again is not None
    assert again.options == {"stem_channels": 12, "stage_blocks": (1, 2, 2)}
    assert again.recipe.contents.sha256 == again.recipe.sha256
    assert again.clip_size.pose_frames == 18


def test_weights_without_a_manifest_and_published_files_have_none(checkpoint: Path, tmp_path: Path) -> None:
    assert read_trained_model(checkpoint) is None
    (tmp_path / "published.json").write_text("{}")
    assert read_trained_model(tmp_path / "published.pth") is None


def test_a_manifest_of_other_weights_is_refused(checkpoint: Path, trained: TrainedModel) -> None:
    write_trained_model(checkpoint, trained)
    save_checkpoint(nn.Linear(2, 2), checkpoint)

    with pytest.raises(
        CheckpointError, match=r"best\.json: written for other weights than best\.safetensors"
    ):
        read_trained_model(checkpoint)


def test_weights_that_another_program_wrote_are_hashed_themselves(
    checkpoint: Path, trained: TrainedModel
) -> None:
    safetensors.torch.save_file(safetensors.torch.load_file(checkpoint), checkpoint)
    write_trained_model(checkpoint, trained)

    assert read_trained_model(checkpoint) == trained


def test_a_run_killed_between_weights_and_manifest_left_a_readable_pair(
    checkpoint: Path, trained: TrainedModel, describe_training: Describe
) -> None:
    write_trained_model(checkpoint, describe_training())
    pending = write_trained_model(checkpoint.with_name("new.safetensors"), trained)
    pending.rename(checkpoint.with_suffix(".next.json"))

    assert read_trained_model(checkpoint) == trained


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"surplus": 1}, "surplus: no such field"),
        ({"num_classes": "12"}, "num_classes: got '12'"),
        ({"num_classes": -1}, "num_classes: got -1"),
        ({"threads": None}, "threads: got None"),
        ({"weights_sha256": "../../etc"}, "weights_sha256: got '../../etc'"),
        ({"schema_version": 2}, "schema_version: got 2, expected 1"),
        ({"clip": {}}, "clip.rgb_frames: missing"),
        ({"metrics": {"top1": "high"}}, "metrics.top1: got 'high'"),
        ({"options": {"blocks": [[1]]}}, "options.blocks: got"),
    ],
)
def test_a_hostile_manifest_is_refused_with_its_field(
    checkpoint: Path, trained: TrainedModel, change: dict, message: str
) -> None:
    contents = json.loads(trained.model_dump_json())
    manifest_path(checkpoint).write_text(json.dumps({**contents, **change}))

    with pytest.raises(CheckpointError) as caught:
        read_trained_model(checkpoint)

    assert message in str(caught.value)
    assert "best.json" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[" * 100_000, b"null", b'{"num_classes": NaN}'])
def test_what_is_no_manifest_is_one_line(checkpoint: Path, content: bytes) -> None:
    manifest_path(checkpoint).write_bytes(content)

    with pytest.raises(CheckpointError, match="not a manifest of trained weights") as caught:
        read_trained_model(checkpoint)

    assert "\n" not in str(caught.value)


def test_a_huge_manifest_is_not_read(checkpoint: Path) -> None:
    with manifest_path(checkpoint).open("wb") as file:
        file.truncate(10**12)

    with pytest.raises(CheckpointError, match="too large"):
        read_trained_model(checkpoint)


def test_damaged_weights_beside_a_manifest_are_told(checkpoint: Path, trained: TrainedModel) -> None:
    write_trained_model(checkpoint, trained)
    checkpoint.write_bytes(checkpoint.read_bytes()[:20])

    with pytest.raises(CheckpointError, match=r"best\.safetensors: damaged"):
        read_trained_model(checkpoint)


def test_the_same_training_has_the_same_bytes(
    tmp_path: Path, trained: TrainedModel, describe_training: Describe
) -> None:
    one = write_trained_model(tmp_path / "one.safetensors", trained)
    two = write_trained_model(tmp_path / "two.safetensors", TrainedModel.model_validate_json(one.read_text()))

    assert one.read_bytes() == two.read_bytes()
