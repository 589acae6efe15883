"""What tests of training share: a manifest of small trained weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from epam.training.recipe import load_recipe
from epam.training.trained_model import TrainedModel, TrainedRecipe

SHA = "0123456789abcdef" * 4


@pytest.fixture
def describe_training() -> Callable[..., TrainedModel]:
    """Build a manifest as a run of ``tiny_pose`` would, with the given fields instead."""

    def describe(**fields: Any) -> TrainedModel:
        recipe = load_recipe("tiny_pose")
        facts = {
            "weights_sha256": SHA,
            "model": recipe.model.name,
            "options": recipe.model.options,
            "num_classes": 12,
            "clip": recipe.clip,
            "dataset": "embedded",
            "protocol": "xsub",
            "split_sha256": SHA,
            "label_map_sha256": SHA,
            "recipe": TrainedRecipe.of(recipe),
            "epoch": 3,
            "step": 144,
            "metrics": {"pose/top1": 0.5},
            "versions": {"torch": "2.10.0"},
            "threads": 1,
        }
        return TrainedModel(**{**facts, **fields})

    return describe
