"""What tests share: small networks with weights and a manifest on disk, as training leaves them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from epam import save_checkpoint
from epam.training.recipe import load_recipe
from epam.training.trained_model import TrainedModel, TrainedRecipe, write_trained_model
from epam_baselines import create_model

OPTIONS = {"stem_channels": 8, "stage_blocks": (1, 1)}


@pytest.fixture
def trained_pose_network(tmp_path: Path) -> Callable[..., Path]:
    """Write a thin pose network's weights and manifest, the latter with changes; returns the weights."""

    def write(*, name: str = "best", **changes: Any) -> Path:
        recipe = load_recipe("tiny_pose")
        path = tmp_path / f"{name}.safetensors"
        digest = save_checkpoint(create_model("x_shiftnet_pose", 12, options=OPTIONS), path)
        facts = {
            "weights_sha256": digest,
            "model": "x_shiftnet_pose",
            "options": OPTIONS,
            "num_classes": 12,
            "clip": {"rgb_frames": 6, "frame_side": 96, "pose_frames": 18, "heatmap_side": 24},
            "dataset": "embedded",
            "protocol": "xsub",
            "split_sha256": "0" * 64,
            "label_map_sha256": "1" * 64,
            "recipe": TrainedRecipe.of(recipe),
            "epoch": 1,
            "step": 10,
            "threads": 1,
        }
        write_trained_model(path, TrainedModel(**(facts | changes)))
        return path

    return write
