from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from epam import EPAMLogits
from epam.data.annotations import Annotation
from epam.data.clip_size import ClipSize
from epam.data.data_root import Split
from epam.data.datasets import custom_protocol
from epam.data.pipelines import Pipeline
from epam.data.store import SkeletonStore
from epam.errors import InputError
from epam.training.distributed import Processes
from epam.training.epoch_evaluation import Evaluation, evaluate_split

SIZE = ClipSize(rgb_frames=1, pose_frames=1, frame_side=8, heatmap_side=8)


def make_split(labels: list[int], *, score: float = 1.0) -> Split:
    keypoint = np.random.default_rng(0).uniform(20, 80, (1, 3, 17, 2)).astype(np.float32)
    scores = np.full((1, 3, 17), score, dtype=np.float32)
    annotations = [
        Annotation(f"sample{number}", label, (100, 100), 3, keypoint, scores)
        for number, label in enumerate(labels)
    ]
    return Split(
        dataset="custom",
        protocol=custom_protocol("small", num_classes=2),
        part="test",
        name="small_val",
        store=SkeletonStore.pack(annotations),
        rows=np.arange(len(labels)),
        videos=None,
        origin="small.pkl",
    )


class AlwaysFirst(nn.Module):
    """Says class 0 by RGB, and by the sum; class 1 by pose."""

    def forward(self, heatmaps: Tensor) -> EPAMLogits:
        first = torch.tensor([[3.0, 0.0]]).expand(len(heatmaps), 2)
        return EPAMLogits(rgb=first, pose=torch.tensor([[0.0, 1.0]]).expand(len(heatmaps), 2))


def evaluate(split: Split, advance: Callable[[int], object] = lambda _: None) -> Evaluation:
    alone = Processes(0, 1, torch.device("cpu"))
    return evaluate_split(
        AlwaysFirst(),
        split,
        Pipeline("pose", SIZE),
        processes=alone,
        batch_size=2,
        workers=0,
        advance=advance,
    )


def test_every_stream_is_judged_and_the_fused_one_stands_for_the_network() -> None:
    evaluation = evaluate(make_split([0, 0, 0, 1]))
    assert evaluation.samples == 4
    assert {name: values["top1"] for name, values in evaluation.streams.items()} == {
        "fused": 0.75,
        "rgb": 0.75,
        "pose": 0.25,
    }
    assert evaluation.value_of("top1") == 0.75
    assert evaluation.metrics["pose/mean_class_accuracy"] == 0.5


def test_an_evaluation_asked_to_stop_says_so() -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    assert evaluate(make_split([0, 1, 0, 1]), stop).interrupted


def test_an_evaluation_without_a_usable_sample_is_an_error() -> None:
    with pytest.raises(
        InputError,
        match=r"small.pkl: none of the 2 samples to evaluate can be used; the first: sample sample0: no",
    ):
        evaluate(make_split([0, 1], score=0.0))
