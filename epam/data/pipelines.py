"""From an annotation and a video to a network's inputs: the published pipelines, to train and to test."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from epam.data.annotations import Annotation
from epam.data.augmentation import Augmentation, cut_keypoints, flip_keypoints, random_crop, rescaled_size
from epam.data.clip_size import PAPER_SIZE, ClipSize
from epam.data.frame_sampling import sample_clips, sample_frames
from epam.data.heatmaps import render_heatmaps
from epam.data.normalisation import normalise_frames
from epam.data.person_box import Box, crop_keypoints, person_box
from epam.data.person_crop import crop_to_people
from epam.data.sample_randomness import SampleRandomness
from epam.data.video import decode_chosen_frames, decode_frames
from epam.errors import InputError, UnknownNameError

PipelineKind = Literal["multimodal", "pose", "rgb"]
"""Which streams' inputs are made: both, or the one alone."""

StepTimer = Callable[[str], AbstractContextManager[object]]
"""Entered around each step with its name: ``sampling``, ``decode``, ``crop``, ``heatmaps`` or ``normalise``.

RGB alone samples while it decodes, for only then is the number of frames known."""

FrameReader = Callable[[NDArray[np.int64]], NDArray[np.uint8]]
"""Frames by their numbers, in any order and with repeats: ``(n,) → (n, height, width, 3)``, RGB."""

_ChosenReader = Callable[[Callable[[int], NDArray[np.int64]]], NDArray[np.uint8]]
"""Frames that are chosen by how many there are."""

_Array = NDArray[np.floating[Any]]


class _Pose(NamedTuple):
    """Skeletons of the frames chosen, in pixels of the heatmaps, and their scores."""

    points: _Array
    scores: _Array


class Pipeline:
    """Makes one sample's inputs, in the order of the network's ``forward``.

    ::

        multimodal   annotation ─ sample 48 ─ box cut at the image ─ [flip] ─ heatmaps 56×56
                                      └ every third                  same coin
                     video ───────────┴ decode ─ crop to people ────── [flip] ─ normalise

        pose         annotation ─ sample 48 ─ box as it is ─ [64 short, crop] ─ 56×56 ─ [flip] ─ heatmaps

        rgb          video ─ sample 16 of its own frames ─ decode ─ crop to people ─ [flip] ─ normalise

    Steps in brackets are those of training. In test mode nothing is random: every sample's frames
    are drawn from the published seed.

    Several views are several clips of the video, as the published multi-clip test draws them: all
    of them from one generator, with one box for the skeletons of all.

    Args:
        kind: which streams.
        size: of the clips.
        augmentation: what training varies; none is test mode.

    Raises:
        UnknownNameError: not a kind of pipeline.
        InputError: streams whose frames do not fit together.
    """

    def __init__(
        self, kind: PipelineKind, size: ClipSize = PAPER_SIZE, *, augmentation: Augmentation | None = None
    ) -> None:
        if kind not in get_args(PipelineKind):
            raise UnknownNameError("pipeline", kind, get_args(PipelineKind))
        self.kind = kind
        self.size = size
        self.augmentation = augmentation
        self._rgb_stride = size.rgb_stride if kind == "multimodal" else 1

    def __repr__(self) -> str:
        return f"Pipeline({self.kind!r}, {self.size!r}, augmentation={self.augmentation!r})"

    @property
    def needs_video(self) -> bool:
        """Whether a sample cannot be prepared without its video."""
        return self.kind != "pose"

    @property
    def needs_keypoints(self) -> bool:
        """Whether a sample cannot be prepared without its skeletons."""
        return self.kind != "rgb"

    def __call__(
        self,
        annotation: Annotation | None,
        video: Path | None,
        *,
        randomness: SampleRandomness | None = None,
        views: int = 1,
        step: StepTimer = nullcontext,
    ) -> tuple[Tensor, ...]:
        """Prepare one sample.

        Args:
            annotation: the sample; only RGB alone does without, and only with 224×224 crops.
            video: its file; only pose alone does without.
            randomness: of this sample in this epoch; training needs it, a test must not have it.
            views: clips of the video; more than one only in test mode.
            step: times the steps; see ``StepTimer``.

        Returns:
            ``(rgb, heatmaps)``, ``(heatmaps,)`` or ``(rgb,)``: ``(3, T, side, side)`` normalised frames
            and ``(17, T, side, side)`` heatmaps, float32 and contiguous; behind a leading dimension
            of views where there are several.

        Raises:
            VideoError: the video is missing, damaged, shorter than the annotation, of another shape.
            InputError: an input that the pipeline needs was not given, or views in training.
        """
        chance = self._chance(randomness, views)
        if self.kind == "multimodal" and annotation is not None and video is not None:
            read = _reader_of(annotation, video)
            return self._prepare_both(annotation, read, str(video), chance, step)
        if self.kind == "pose" and annotation is not None:
            return (self._prepare_pose(annotation, chance, step),)
        if self.kind == "rgb" and video is not None:
            read_chosen = _chosen_reader_of(annotation, video)
            return (self._prepare_rgb(annotation, read_chosen, str(video), chance, step),)
        missing = "video" if self.kind == "rgb" or annotation is not None else "keypoints"
        raise InputError(f"{self.kind}: the {missing} must be given")

    def prepare_window(
        self, people: Annotation, read_frames: FrameReader, *, origin: str, step: StepTimer = nullcontext
    ) -> tuple[Tensor, ...]:
        """Prepare frames that are in memory, as in a test of a video of just these frames.

        Args:
            people: the skeletons of ``total_frames`` frames; without anybody, RGB gets whole frames.
            read_frames: gives those of the frames that are needed; ``step`` calls it ``decode``.
            origin: what the frames are of, for messages.
            step: times the steps; see ``StepTimer``.

        Returns:
            As a call does for one sample.

        Raises:
            VideoError: frames of another shape than the skeletons' image.
        """
        chance = self._chance(None, 1)
        if self.kind == "pose":
            return (self._prepare_pose(people, chance, step),)
        if self.kind == "multimodal":
            return self._prepare_both(people, read_frames, origin, chance, step)

        def read_chosen(choose: Callable[[int], NDArray[np.int64]]) -> NDArray[np.uint8]:
            return read_frames(choose(people.total_frames))

        return (self._prepare_rgb(people, read_chosen, origin, chance, step),)

    def frames_of_window(self, total_frames: int) -> NDArray[np.int64]:
        """Numbers of the frames that a test looks at: of the heatmaps where there are any, else of RGB.

        Args:
            total_frames: of the video or window.

        Raises:
            InputError: no frames to choose from.
        """
        length = self.size.rgb_frames if self.kind == "rgb" else self.size.pose_frames
        return sample_clips(total_frames, length, clips=1)[0]

    def _chance(self, randomness: SampleRandomness | None, views: int) -> _Chance:
        if views < 1 or (views > 1 and self.augmentation is not None):
            raise InputError(f"{self.kind}: {views} views; a test takes 1 or more, training takes 1")
        if (self.augmentation is None) != (randomness is None):
            raise InputError(f"{self.kind}: randomness is for training alone, and training needs it")
        return _Chance(self.augmentation, randomness, views)

    def _prepare_both(
        self, annotation: Annotation, read: FrameReader, origin: str, chance: _Chance, step: StepTimer
    ) -> tuple[Tensor, Tensor]:
        with step("sampling"):
            indices = chance.frames(annotation.total_frames, self.size.pose_frames)
        with step("heatmaps"):
            pose = self._place(annotation, indices, chance)
            mirrored = chance.flip()
            heatmaps = self._render(pose, len(indices), mirrored=mirrored)
        with step("decode"):
            frames = read(indices[:, :: self._rgb_stride].ravel())
        rgb = self._finish_frames(frames, annotation, origin, chance.views, mirrored=mirrored, step=step)
        return rgb, heatmaps

    def _prepare_pose(self, annotation: Annotation, chance: _Chance, step: StepTimer) -> Tensor:
        with step("sampling"):
            indices = chance.frames(annotation.total_frames, self.size.pose_frames)
        with step("heatmaps"):
            pose = self._place(annotation, indices, chance)
            return self._render(pose, len(indices), mirrored=chance.flip())

    def _prepare_rgb(
        self,
        annotation: Annotation | None,
        read_chosen: _ChosenReader,
        origin: str,
        chance: _Chance,
        step: StepTimer,
    ) -> Tensor:
        def choose(count: int) -> NDArray[np.int64]:
            return chance.frames(count, self.size.rgb_frames).ravel()

        with step("decode"):
            frames = read_chosen(choose)
        mirrored = chance.flip()
        return self._finish_frames(frames, annotation, origin, chance.views, mirrored=mirrored, step=step)

    def _place(self, annotation: Annotation, indices: NDArray[np.int64], chance: _Chance) -> _Pose:
        """Keypoints of the frames chosen in their box, which is as large as a heatmap."""
        keypoints = annotation.keypoint[:, indices.ravel()]
        scores = annotation.keypoint_score[:, indices.ravel()]
        alone = self.kind == "pose"  # otherwise the box is to look like the frames' crop
        box = person_box(keypoints, annotation.img_shape, clip_to_image=not alone)
        side = self.size.heatmap_side
        if not (alone and chance.crops):
            return _Pose(crop_keypoints(keypoints, box, height=side, width=side), scores)
        height, width = rescaled_size(box[3] - box[1], box[2] - box[0])
        points = crop_keypoints(keypoints, box, height=height, width=width)
        return _Pose(cut_keypoints(points, chance.crop(height, width), height=side, width=side), scores)

    def _render(self, pose: _Pose, views: int, *, mirrored: bool) -> Tensor:
        side = self.size.heatmap_side
        points, scores = flip_keypoints(*pose, width=side) if mirrored else pose
        heatmaps = torch.from_numpy(render_heatmaps(points, scores, height=side, width=side))
        if views == 1:
            return heatmaps
        return heatmaps.unflatten(1, (views, -1)).transpose(0, 1).contiguous()

    def _finish_frames(
        self,
        frames: NDArray[np.uint8],
        annotation: Annotation | None,
        origin: str,
        views: int,
        *,
        mirrored: bool,
        step: StepTimer,
    ) -> Tensor:
        with step("crop"):
            frames = crop_to_people(frames, annotation, origin, side=self.size.frame_side)
        with step("normalise"):
            clips = [normalise_frames(clip, mirrored=mirrored) for clip in np.split(frames, views)]
            return clips[0] if views == 1 else torch.stack(clips)


def _reader_of(annotation: Annotation, video: Path) -> FrameReader:
    def read(indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        return decode_frames(
            video, indices, expected_frames=annotation.total_frames, sample=annotation.frame_dir
        )[0]

    return read


def _chosen_reader_of(annotation: Annotation | None, video: Path) -> _ChosenReader:
    def read_chosen(choose: Callable[[int], NDArray[np.int64]]) -> NDArray[np.uint8]:
        return decode_chosen_frames(
            video,
            choose,
            expected_frames=None if annotation is None else annotation.total_frames,
            sample=None if annotation is None else annotation.frame_dir,
        )[0]

    return read_chosen


class _Chance:
    """What is left to chance in one sample, in the published order: frames, crop, flip.

    Attributes:
        views: clips that are made of the video.
        crops: whether the pose-only pipeline crops.
    """

    def __init__(
        self, augmentation: Augmentation | None, randomness: SampleRandomness | None, views: int
    ) -> None:
        self._augmentation = augmentation
        self._randomness = randomness
        self._start = randomness.numpy.get_state() if randomness else None
        self.views = views
        self.crops = augmentation is not None and augmentation.crop

    def frames(self, total_frames: int, clip_length: int) -> NDArray[np.int64]:
        """``(views, clip_length)``; asked again, for a video whose header lied, it draws afresh."""
        if self._randomness is None or self._start is None:
            return sample_clips(total_frames, clip_length, clips=self.views)
        self._randomness.numpy.set_state(self._start)
        return sample_frames(total_frames, clip_length, generator=self._randomness.numpy)[None]

    def crop(self, height: int, width: int) -> Box:
        return random_crop(height, width, self._randomness) if self._randomness else (0, 0, width, height)

    def flip(self) -> bool:
        if self._augmentation is None or self._randomness is None:
            return False
        return self._augmentation.toss(self._randomness)
