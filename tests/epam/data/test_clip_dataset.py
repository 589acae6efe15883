from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from epam.data.annotations import Annotation
from epam.data.augmentation import Augmentation
from epam.data.clip_dataset import ClipBatch, ClipDataset, ClipRequest, LoadedClip, SkippedSample, collate
from epam.data.clip_size import ClipSize
from epam.data.pipelines import Pipeline
from epam.errors import AnnotationError, InputError, VideoError

SMALL = ClipSize(rgb_frames=4, frame_side=32, pose_frames=12, heatmap_side=16)


def standing(name: str, *, frames: int = 20, persons: int = 1, x: float = 100) -> Annotation:
    keypoint = np.empty((persons, frames, 17, 2), dtype=np.float32)
    keypoint[:] = np.array([x, 50]) + np.linspace(0, 40, 17)[:, None]
    score = np.ones((persons, frames, 17), dtype=np.float32)
    return Annotation(name, 0, (240, 320), frames, keypoint, score)


class Samples:
    """A split in memory: sample i has label i; None stands for a malformed one."""

    def __init__(self, annotations: Sequence[Annotation | None], videos: Path) -> None:
        self.annotations, self.videos = annotations, videos

    def __len__(self) -> int:
        return len(self.annotations)

    def sample_name(self, index: int) -> str:
        return f"S{index}"

    def label(self, index: int) -> int:
        return index

    def annotation(self, index: int) -> Annotation:
        annotation = self.annotations[index]
        if annotation is None:
            raise AnnotationError(f"sample S{index}: keypoint is a dict; write it anew")
        return annotation

    def find_video(self, index: int) -> Path:
        path = self.videos / f"S{index}.mp4"
        if not path.is_file():
            raise VideoError(f"{path}: no such file; tried .mp4")
        return path


@pytest.fixture
def five(make_video, tmp_path: Path) -> Samples:
    """Good, too long, cut short, damaged, and without a video."""
    for name, frames in [("S0.mp4", 20), ("S1.mp4", 22), ("S2.mp4", 15), ("S3.mp4", 20)]:
        make_video(name, frames=frames, width=224, height=224)
    damaged = tmp_path / "S3.mp4"
    damaged.write_bytes(damaged.read_bytes()[:-300])
    return Samples([standing(f"S{index}") for index in range(5)], tmp_path)


@pytest.mark.parametrize("kind", ["multimodal", "rgb"])
def test_a_bad_video_costs_its_own_sample_and_no_other_takes_its_place(five: Samples, kind) -> None:
    dataset = ClipDataset(five, Pipeline(kind, SMALL), refuse_empty_pose=True)
    items = [dataset[ClipRequest(0, index)] for index in range(len(dataset))]
    assert [type(item) for item in items] == [LoadedClip] * 2 + [SkippedSample] * 3
    assert [item.sample for item in items] == ["S0", "S1", "S2", "S3", "S4"]
    skipped = [item for item in items if isinstance(item, SkippedSample)]
    assert [item.reason for item in skipped] == ["damaged video", "damaged video", "missing video"]
    assert "S2.mp4 (sample S2): 15 frames can be decoded, its annotation says 20" in skipped[0].message
    assert "S3.mp4" in skipped[1].message
    assert "S4.mp4: no such file" in skipped[2].message


def test_a_video_that_was_listed_and_has_gone_since_is_missing(five: Samples) -> None:
    five.find_video = lambda index: five.videos / f"gone{index}.mp4"  # type: ignore[method-assign]
    skipped = ClipDataset(five, Pipeline("rgb", SMALL), refuse_empty_pose=True)[ClipRequest(0, 0)]
    assert isinstance(skipped, SkippedSample)
    assert skipped.reason == "missing video"
    assert "gone0.mp4 (sample S0): no such file" in skipped.message


def test_a_video_of_more_frames_than_annotated_is_used_with_a_caveat(five: Samples) -> None:
    dataset = ClipDataset(five, Pipeline("multimodal", SMALL), refuse_empty_pose=True)
    good, longer = (dataset[ClipRequest(0, index)] for index in (0, 1))
    assert isinstance(good, LoadedClip)
    assert isinstance(longer, LoadedClip)
    assert good.caveats == ()
    [caveat] = longer.caveats
    assert "S1.mp4 (sample S1): has 22 frames, its annotation says 20" in caveat


def test_pose_alone_asks_for_no_video(tmp_path: Path) -> None:
    dataset = ClipDataset(
        Samples([standing("S0")], tmp_path), Pipeline("pose", SMALL), refuse_empty_pose=True
    )
    clip = dataset[ClipRequest(0, 0)]
    assert isinstance(clip, LoadedClip)
    assert clip.inputs[0].shape == (17, 12, 16, 16)


def test_a_malformed_sample_is_skipped_with_its_message(tmp_path: Path) -> None:
    dataset = ClipDataset(Samples([None], tmp_path), Pipeline("pose", SMALL), refuse_empty_pose=True)
    skipped = SkippedSample("S0", "malformed sample", "sample S0: keypoint is a dict; write it anew")
    assert dataset[ClipRequest(0, 0)] == skipped


@pytest.mark.parametrize("persons", [0, 1])
def test_a_clip_of_nobody_is_refused_where_asked(tmp_path: Path, persons: int) -> None:
    nobody = standing("S0", persons=persons)
    nobody.keypoint_score[:] = 0
    samples = Samples([nobody], tmp_path)
    skipped = ClipDataset(samples, Pipeline("pose", SMALL), refuse_empty_pose=True)[ClipRequest(0, 0)]
    assert isinstance(skipped, SkippedSample)
    assert skipped.reason == "no person in the clip"
    assert "sample S0: no person in the clip" in skipped.message
    kept = ClipDataset(samples, Pipeline("pose", SMALL), refuse_empty_pose=False)[ClipRequest(0, 0)]
    assert isinstance(kept, LoadedClip)
    assert not kept.inputs[0].any()


def test_rgb_alone_does_not_mind_that_nobody_was_detected(five: Samples) -> None:
    five.annotations = [standing("S0", persons=0)]
    dataset = ClipDataset(five, Pipeline("rgb", SMALL), refuse_empty_pose=True)
    assert isinstance(dataset[ClipRequest(0, 0)], LoadedClip)


def test_a_mistake_in_how_the_data_set_is_made_is_no_skipped_sample(tmp_path: Path) -> None:
    pipeline = Pipeline("pose", SMALL, augmentation=Augmentation())
    dataset = ClipDataset(Samples([standing("S0")], tmp_path), pipeline, views=2, refuse_empty_pose=True)
    with pytest.raises(InputError, match="2 views"):
        dataset[ClipRequest(0, 0)]


def test_clips_vary_with_seed_epoch_and_index_and_with_nothing_else(tmp_path: Path) -> None:
    samples = Samples([standing("same", frames=60)] * 3, tmp_path)
    pipeline = Pipeline("pose", ClipSize(pose_frames=12), augmentation=Augmentation())

    def prepare(seed: int, epoch: int, index: int) -> torch.Tensor:
        clip = ClipDataset(samples, pipeline, seed=seed, refuse_empty_pose=True)[ClipRequest(epoch, index)]
        assert isinstance(clip, LoadedClip)
        return clip.inputs[0]

    first = prepare(0, 0, 0)
    np.random.seed(7)  # noqa: NPY002
    torch.manual_seed(7)
    assert torch.equal(first, prepare(0, 0, 0))
    for other in [(1, 0, 0), (0, 1, 0), (0, 0, 1)]:
        assert not torch.equal(first, prepare(*other))


def test_a_test_clip_is_the_same_in_every_epoch(tmp_path: Path) -> None:
    dataset = ClipDataset(
        Samples([standing("S0")], tmp_path), Pipeline("pose", SMALL), refuse_empty_pose=True
    )
    first, later = (dataset[ClipRequest(epoch, 0)] for epoch in (0, 5))
    assert isinstance(first, LoadedClip)
    assert isinstance(later, LoadedClip)
    assert torch.equal(*first.inputs, *later.inputs)


def test_views_lead_the_inputs(five: Samples) -> None:
    dataset = ClipDataset(five, Pipeline("multimodal", SMALL), views=3, refuse_empty_pose=True)
    batch = collate([dataset[ClipRequest(0, index)] for index in range(2)])
    assert [tuple(part.shape) for part in batch.inputs] == [(2, 3, 3, 4, 32, 32), (2, 3, 17, 12, 16, 16)]


def clip(index: int, *, caveats: tuple[str, ...] = ()) -> LoadedClip:
    inputs = torch.full((2, 2), float(index)), torch.full((3,), float(index))
    return LoadedClip(index, f"S{index}", 10 * index, inputs, caveats)


def test_a_batch_stacks_the_usable_and_names_the_skipped() -> None:
    skipped = SkippedSample("S2", "missing video", "S2.mp4: no such file")
    batch = collate([clip(1, caveats=("a",)), skipped, clip(3, caveats=("b", "c"))])
    assert len(batch) == 2
    assert [tuple(part.shape) for part in batch.inputs] == [(2, 2, 2), (2, 3)]
    assert batch.inputs[1][:, 0].tolist() == [1, 3]
    assert batch.labels.tolist() == [10, 30]
    assert batch.labels.dtype == torch.int64
    assert (batch.indices, batch.samples) == ([1, 3], ["S1", "S3"])
    assert batch.skipped == [skipped]
    assert batch.caveats == ["a", "b", "c"]


def test_a_batch_of_skipped_samples_alone_is_empty() -> None:
    batch = collate([SkippedSample("S2", "missing video", "gone")])
    assert len(batch) == 0
    assert batch.inputs == ()
    assert batch.labels.shape == (0,)


def test_a_batch_can_be_sent_to_another_process() -> None:
    batch: ClipBatch = pickle.loads(pickle.dumps(collate([clip(1)])))
    assert batch.inputs[0].tolist() == [[[1, 1], [1, 1]]]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_pinned_batch_is_the_same_batch() -> None:
    batch = collate([clip(1), SkippedSample("S2", "missing video", "gone")])
    pinned = batch.pin_memory()
    assert all(part.is_pinned() for part in (*pinned.inputs, pinned.labels))
    assert all(map(torch.equal, batch.inputs, pinned.inputs))
    assert (pinned.samples, pinned.skipped) == (batch.samples, batch.skipped)
