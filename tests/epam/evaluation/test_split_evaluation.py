from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed
from torch import Tensor, nn

from epam.data.annotations import Problem
from epam.data.augmentation import Augmentation
from epam.data.clip_size import ClipSize
from epam.data.data_root import Split
from epam.data.frame_sampling import sample_clips
from epam.data.pipelines import Pipeline
from epam.data.store import SkeletonStore
from epam.errors import InputError
from epam.evaluation.accuracy import tally
from epam.evaluation.score_table import ScoreTable
from epam.evaluation.split_evaluation import SplitScores, score_split

MakeSplit = Callable[..., Split]
SIZES, BATCH_SIZES = (1, 2, 5, 7, 97), (1, 3, 8)
DEADLINE_SECONDS = 120.0


def expected_hits(split: Split) -> int:
    """Right answers of the fused stream, from the annotations alone: joint i + joint i + 5."""
    scores = np.stack([split.annotation(index).keypoint_score[0, 0] for index in range(len(split))])
    return int(((scores[:, :5] + scores[:, 5:10]).argmax(axis=1) == split.labels).sum())


def assert_same(found: ScoreTable, expected: ScoreTable) -> None:
    assert found.samples == expected.samples
    assert np.array_equal(found.labels, expected.labels)
    assert list(found.streams) == list(expected.streams)
    for stream, scores in expected.streams.items():
        assert np.array_equal(found.streams[stream], scores), stream


def test_scores_are_in_the_order_of_the_split_by_stream(peaks, pipeline, make_split: MakeSplit) -> None:
    split = make_split(7)
    found = score_split(peaks, split, pipeline, batch_size=3)
    assert found.table.samples == tuple(split.sample_name(index) for index in range(7))
    assert found.table.labels.tolist() == split.labels.tolist()
    assert list(found.table.streams) == ["fused", "rgb", "pose"]
    assert np.array_equal(
        found.table.streams["fused"], found.table.streams["rgb"] + found.table.streams["pose"]
    )
    confidences = [split.annotation(index).keypoint_score[0, 0, :5] for index in range(7)]
    assert np.allclose(found.table.streams["rgb"], confidences, atol=1e-6)
    assert (found.skipped, found.interrupted, found.views) == ((), False, 1)
    assert found.caveats == ("made up",)
    assert set(found.seconds) == {"load", "network"}


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(peaks, pipeline, make_split: MakeSplit, workers: int) -> None:
    split = make_split(7)
    alone = score_split(peaks, split, pipeline, batch_size=2)
    assert_same(score_split(peaks, split, pipeline, batch_size=2, workers=workers).table, alone.table)


def test_each_sample_is_scored_or_skipped_by_name(peaks, pipeline, make_split: MakeSplit) -> None:
    split = make_split(7, absent=(2, 5), problems=(Problem("broken", "a.pkl: sample broken"),))
    settled: list[int] = []
    found = score_split(peaks, split, pipeline, batch_size=2, advance=settled.append)
    assert sum(settled) == 7
    assert len(found.table) == 5
    assert [(sample.sample, sample.reason) for sample in found.skipped] == [
        ("broken", "malformed sample"),
        *((name, "no person in the clip") for name in sorted(split.sample_name(i) for i in (2, 5))),
    ]


def test_a_split_of_which_nothing_can_be_used_has_an_empty_table(
    peaks, pipeline, make_split: MakeSplit
) -> None:
    found = score_split(peaks, make_split(2, absent=(0, 1)), pipeline)
    assert (len(found.table), len(found.skipped)) == (0, 2)


def test_nobody_in_the_clip_can_be_scored_as_the_published_test_does(
    peaks, pipeline, make_split: MakeSplit
) -> None:
    found = score_split(peaks, make_split(3, absent=(1,)), pipeline, refuse_empty_pose=False)
    assert len(found.table) == 3
    assert not found.table.streams["fused"][1].any()


def test_logits_of_several_views_are_averaged(make_split: MakeSplit) -> None:
    class Frames(nn.Module):
        """Which frames a clip shows: the confidence of joint 0, frame by frame, is the frame's number."""

        def __init__(self) -> None:
            super().__init__()
            self.clips: list[int] = []

        def forward(self, heatmaps: Tensor) -> Tensor:
            self.clips.append(len(heatmaps))
            return heatmaps[:, 0].amax(dim=(2, 3))[:, :5]

    frames = 40
    short = make_split(1)
    keypoint, score = (
        np.repeat(array[:, :1], frames, axis=1)
        for array in (short.annotation(0).keypoint, short.annotation(0).keypoint_score)
    )
    score[0, :, 0] = np.arange(1, frames + 1) / 64
    long = replace(short.annotation(0), total_frames=frames, keypoint=keypoint, keypoint_score=score)
    split = replace(short, store=SkeletonStore.pack([long]))
    network = Frames()
    size = ClipSize(pose_frames=5, heatmap_side=10)
    found = score_split(network, split, Pipeline("pose", size), views=3, batch_size=2)
    clips = sample_clips(frames, 5, clips=3)
    assert np.allclose(found.table.streams["pose"][0], ((clips + 1) / 64).mean(axis=0), atol=1e-6)
    # Three clips of one video, two a pass: the batch size bounds what is on the device at once.
    assert network.clips == [2, 1]
    assert found.views == 3


class Fixed(nn.Module):
    """Answers every batch by a function of it."""

    def __init__(self, answer: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.answer = answer
        self.part = nn.Dropout()

    def forward(self, heatmaps: Tensor) -> Any:
        return self.answer(heatmaps)


def test_the_module_is_asked_in_evaluation_mode_and_left_as_it_was(pipeline, make_split: MakeSplit) -> None:
    seen: list[tuple[bool, bool]] = []

    def answer(heatmaps: Tensor) -> Tensor:
        seen.append((network.training or network.part.training, torch.is_grad_enabled()))
        return torch.zeros(len(heatmaps), 5)

    network = Fixed(answer).train()
    network.part.eval()
    score_split(network, make_split(1), pipeline)
    assert seen == [(False, False)]
    assert (network.training, network.part.training) == (True, False)


def test_the_only_stream_is_named_by_what_the_network_sees(pipeline, make_split: MakeSplit) -> None:
    network = Fixed(lambda heatmaps: torch.zeros(len(heatmaps), 5))
    assert list(score_split(network, make_split(1), pipeline).table.streams) == ["pose"]
    named = score_split(network, make_split(1), pipeline, default_stream="rgb")
    assert list(named.table.streams) == ["rgb"]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_other_precisions_are_autocast(pipeline, make_split: MakeSplit, precision) -> None:
    layer = nn.Linear(17, 5)
    found = score_split(
        Fixed(lambda heatmaps: layer(heatmaps.amax(dim=(2, 3, 4)))),
        split := make_split(3),
        pipeline,
        precision=precision,
    )
    exact = score_split(Fixed(lambda heatmaps: layer(heatmaps.amax(dim=(2, 3, 4)))), split, pipeline)
    logits, precise = found.table.streams["pose"], exact.table.streams["pose"]
    assert not np.array_equal(logits, precise)
    assert np.allclose(logits, precise, atol=0.05)


def test_logits_that_are_not_finite_name_the_sample(pipeline, make_split: MakeSplit) -> None:
    split = make_split(3)

    def answer(heatmaps: Tensor) -> Tensor:
        logits = torch.zeros(len(heatmaps), 5)
        logits[1, 2] = float("nan")
        return logits

    with pytest.raises(InputError, match=f"sample {split.sample_name(1)}: .* NaN or infinite"):
        score_split(Fixed(answer), split, pipeline, batch_size=3)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda clips: torch.zeros(len(clips), 60), "has 60 classes, and the split's protocol has 5"),
        (lambda clips: torch.zeros(len(clips) + 1, 5), "2 rows of logits for 1 clips"),
        (lambda clips: torch.zeros(5), "must return logits of shape"),
    ],
)
def test_answers_that_are_not_the_splits_are_refused(pipeline, make_split: MakeSplit, answer, told) -> None:
    with pytest.raises(InputError, match=told):
        score_split(Fixed(answer), make_split(1), pipeline)


def test_too_little_memory_is_one_line(pipeline, make_split: MakeSplit) -> None:
    def answer(_: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("tried to allocate\nmuch")

    with pytest.raises(InputError, match="no memory for 2 clips on cpu; give a smaller --batch-size"):
        score_split(Fixed(answer), make_split(2), pipeline, batch_size=2)


def test_a_pipeline_that_trains_is_refused(peaks, pipeline, make_split: MakeSplit) -> None:
    training = Pipeline("pose", pipeline.size, augmentation=Augmentation())
    with pytest.raises(InputError, match="test mode"):
        score_split(peaks, make_split(1), training)


@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_scored_when_the_user_stops_is_kept(
    peaks, pipeline, make_split: MakeSplit, workers: int
) -> None:
    split = make_split(9)
    settled: list[int] = []

    def stop_after_four(count: int) -> None:
        settled.append(count)
        if sum(settled) >= 4:
            raise KeyboardInterrupt

    found = score_split(peaks, split, pipeline, batch_size=2, workers=workers, advance=stop_after_four)
    assert found.interrupted
    assert found.table.samples == tuple(split.sample_name(index) for index in range(4))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_the_same_scores(peaks, pipeline, make_split: MakeSplit) -> None:
    split, device = make_split(7), torch.device("cuda")
    alone = score_split(peaks, split, pipeline)
    found = score_split(peaks.to(device), split, pipeline, batch_size=3, workers=1, device=device)
    # Only maxima are taken: nothing is rounded.
    assert_same(found.table, alone.table)


def test_many_processes_need_to_be_started(peaks, pipeline, make_split: MakeSplit) -> None:
    with pytest.raises(InputError, match="world size 2: start that many processes"):
        score_split(peaks, make_split(2), pipeline, world_size=2)


# --- Several processes ------------------------------------------------------------------------------


def run_ranks(world_size: int, folder: Path, work: Callable[[int], object]) -> None:
    """Run ``work(rank)`` in forked processes with a gloo group; none outlives this call."""

    def child(rank: int) -> None:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{folder}/store-{world_size}", rank=rank, world_size=world_size
        )
        work(rank)
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()

    context = multiprocessing.get_context("fork")
    ranks = [context.Process(target=child, args=(rank,), daemon=True) for rank in range(world_size)]
    for rank in ranks:
        rank.start()
    end = time.monotonic() + DEADLINE_SECONDS
    try:
        for rank in ranks:
            rank.join(max(0.0, end - time.monotonic()))
        assert [rank.exitcode for rank in ranks] == [0] * world_size
    finally:
        for rank in ranks:
            rank.kill()
            rank.join()


def split_of(make_split: MakeSplit, size: int) -> Split:
    return make_split(size, absent=(1, 6, 50) if size > 2 else ())


@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
def test_scores_and_accuracies_do_not_depend_on_processes_and_batches(
    world_size: int, peaks, pipeline, make_split: MakeSplit, tmp_path: Path
) -> None:
    splits = {size: split_of(make_split, size) for size in SIZES}

    def work(rank: int) -> None:
        for size, split in splits.items():
            for batch_size in BATCH_SIZES:
                found = score_split(
                    peaks, split, pipeline, batch_size=batch_size, rank=rank, world_size=world_size
                )
                stem = f"{size}-{batch_size}-{rank}"
                found.table.save(tmp_path / f"{stem}.npz")
                skipped = [sample.sample for sample in found.skipped]
                (tmp_path / f"{stem}.json").write_text(json.dumps(skipped))

    run_ranks(world_size, tmp_path, work)
    for size, split in splits.items():
        alone = score_split(peaks, split, pipeline)
        skipped = [sample.sample for sample in alone.skipped]
        assert sorted((*alone.table.samples, *skipped)) == sorted(map(split.sample_name, range(size)))
        for batch_size in BATCH_SIZES:
            for rank in range(world_size):
                stem = f"{size}-{batch_size}-{rank}"
                table = ScoreTable.load(tmp_path / f"{stem}.npz")
                assert_same(table, alone.table)
                assert json.loads((tmp_path / f"{stem}.json").read_text()) == skipped
                counted = tally(table.scores("fused"), table.label_of)
                assert counted.top1_hits == tally(alone.table.scores("fused"), table.label_of).top1_hits
    whole = make_split(97)
    table = score_split(peaks, whole, pipeline).table
    assert tally(table.scores("fused"), table.label_of).top1_hits == expected_hits(whole)


def test_a_failure_in_one_process_is_told_in_all(pipeline, make_split: MakeSplit, tmp_path: Path) -> None:
    split = make_split(6)

    def work(rank: int) -> None:
        bad = float("nan") if rank == 1 else 0.0
        network = Fixed(lambda heatmaps: torch.full((len(heatmaps), 5), bad))
        with pytest.raises(InputError) as raised:
            score_split(network, split, pipeline, rank=rank, world_size=3)
        (tmp_path / f"told-{rank}").write_text(str(raised.value))

    run_ranks(3, tmp_path, work)
    told = [(tmp_path / f"told-{rank}").read_text() for rank in range(3)]
    first = f"sample {split.sample_name(1)}: the network's logits are NaN or infinite"
    assert told[1].startswith(first)
    assert told[0] == told[2] == f"process 1 of 3 failed: {told[1]}"


def test_one_process_stopped_leaves_what_all_have_scored(
    peaks, pipeline, make_split: MakeSplit, tmp_path: Path
) -> None:
    split = make_split(6)

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    def work(rank: int) -> None:
        advance = stop if rank == 0 else lambda _: None
        found: SplitScores = score_split(peaks, split, pipeline, rank=rank, world_size=2, advance=advance)
        assert found.interrupted
        found.table.save(tmp_path / f"{rank}.npz")

    run_ranks(2, tmp_path, work)
    for rank in (0, 1):
        table = ScoreTable.load(tmp_path / f"{rank}.npz")
        assert table.samples == tuple(split.sample_name(index) for index in (0, 1, 3, 5))
