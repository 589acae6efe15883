"""A small data set in the real formats: drawn people who move, their videos and their keypoints."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from epam.atomic_file import atomic_path
from epam.data.clip import FRAME_SIDE
from epam.data.person_box import crop_frames, person_box
from epam.errors import InputError

IMAGE_SIZE = (360, 640)
"""Height and width of the full-size frames, and of the keypoints' coordinates."""

FRAMES_PER_SECOND = 30
FEWEST_FRAMES, MOST_FRAMES = 40, 110
"""Below and above 48 and 96, where frame sampling changes its rule."""

# NTU RGB+D 60's cross-subject training performers (Shahroudy et al., CVPR 2016, section 3.2).
_TRAINING_PERFORMERS = (1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38)
_TEST_PERFORMERS = tuple(sorted(set(range(1, 41)) - set(_TRAINING_PERFORMERS)))
_SPLITS = ("xsub_train", "xsub_val", "xview_train", "xview_val")
_MOST_SAMPLES = 40 * 17 * 2
"""Samples of one class: performers × setups × replications that NTU names can tell apart."""

Motion = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""``(frames,)`` seconds → ``(persons, frames, 17, 2)``, in body heights from the feet's mid-point."""


@dataclass(frozen=True)
class SyntheticDataset:
    """Where a data set was written.

    Attributes:
        annotations: the container pickle, ``split`` and ``annotations``.
        lists: the plain list pickle of each split.
        crops: folder of 224×224 crops, ``<frame_dir>_rgb.mp4``.
        videos: folder of the full-size videos, same names.
        samples: every ``frame_dir``, in the order of the pickle.
    """

    annotations: Path
    lists: Mapping[str, Path]
    crops: Path
    videos: Path
    samples: tuple[str, ...]


@dataclass(frozen=True)
class _Name:
    setup: int
    camera: int
    performer: int
    replication: int
    action: int

    def __str__(self) -> str:
        return (
            f"S{self.setup:03d}C{self.camera:03d}P{self.performer:03d}"
            f"R{self.replication:03d}A{self.action:03d}"
        )

    @property
    def splits(self) -> tuple[str, str]:
        """One of each protocol, by NTU RGB+D 60's rules."""
        subject = "train" if self.performer in _TRAINING_PERFORMERS else "val"
        view = "val" if self.camera == 1 else "train"
        return f"xsub_{subject}", f"xview_{view}"


def write_dataset(
    directory: str | os.PathLike[str],
    *,
    classes: int = 3,
    samples_per_class: int = 4,
    seed: int = 0,
    on_sample: Callable[[str], None] | None = None,
) -> SyntheticDataset:
    """Write videos, crops and keypoints of drawn people, the same for the same arguments.

    ::

        DIR/ntu60_2d.pkl                        split + annotations (pyskl / MMAction2)
        DIR/ntu60_{xsub,xview}_{train,val}.pkl  plain lists (EPAM-Net's published code)
        DIR/videos224/<frame_dir>_rgb.mp4       224×224 crops by the people in all frames
        DIR/videos/<frame_dir>_rgb.mp4          full-size frames

    Labels are NTU RGB+D 60's. Every file appears whole or not at all, the pickles last.

    Args:
        directory: made if need be; files of the same names in it are replaced.
        classes: how many of the actions that can be drawn.
        samples_per_class: videos of each.
        seed: of people, surroundings and tempo.
        on_sample: called with each sample's name once its videos are there.

    Raises:
        InputError: more or fewer classes or samples than there can be, or not a folder.
    """
    names = list(_names(classes, samples_per_class))
    root = Path(directory)
    if root.exists() and not root.is_dir():
        raise InputError(f"{root}: is a file; name a folder for the data set")
    crops, videos = root / "videos224", root / "videos"
    crops.mkdir(parents=True, exist_ok=True)
    videos.mkdir(exist_ok=True)
    annotations = []
    for name in names:
        annotations.append(_write_sample(name, seed, crops, videos))
        if on_sample is not None:
            on_sample(str(name))
    splits = {split: [str(name) for name in names if split in name.splits] for split in _SPLITS}
    lists = {split: root / f"ntu60_{split}.pkl" for split in _SPLITS}
    for split, members in splits.items():
        _write_pickle(lists[split], [entry for entry in annotations if entry["frame_dir"] in members])
    container = root / "ntu60_2d.pkl"
    _write_pickle(container, {"split": splits, "annotations": annotations})
    return SyntheticDataset(container, lists, crops, videos, tuple(map(str, names)))


def _names(classes: int, samples_per_class: int) -> Iterator[_Name]:
    if not 1 <= classes <= len(_MOTIONS):
        raise InputError(f"classes is {classes}; 1 to {len(_MOTIONS)} actions can be drawn")
    if not 1 <= samples_per_class <= _MOST_SAMPLES:
        raise InputError(f"samples_per_class is {samples_per_class}; 1 to {_MOST_SAMPLES} can be named")
    # Test and training performers in turn, so that few samples already fill every split.
    performers = [p for pair in zip(_TEST_PERFORMERS, _TRAINING_PERFORMERS, strict=True) for p in pair]
    for action in islice(_MOTIONS, classes):
        for index in range(samples_per_class):
            round_, turn = divmod(index, len(performers))
            setup, replication = divmod(round_, 2)
            yield _Name(1 + setup, 1 + index % 3, performers[turn], 1 + replication, action)


def _write_sample(name: _Name, seed: int, crops: Path, videos: Path) -> dict[str, object]:
    random = np.random.default_rng(
        [seed, name.setup, name.camera, name.performer, name.replication, name.action]
    )
    joints = _act(name, random)
    frames = _draw(joints, name, random)
    keypoint, score = _detect(joints, random)
    box = person_box(keypoint, IMAGE_SIZE)
    _write_video(videos / f"{name}_rgb.mp4", frames)
    _write_video(crops / f"{name}_rgb.mp4", crop_frames(frames, box, side=FRAME_SIDE))
    return {
        "frame_dir": str(name),
        "label": name.action - 1,
        "img_shape": IMAGE_SIZE,
        "original_shape": IMAGE_SIZE,
        "total_frames": len(frames),
        "keypoint": keypoint,
        "keypoint_score": score,
    }


def _act(name: _Name, random: np.random.Generator) -> NDArray[np.float64]:
    """Perform the action before the camera: ``(persons, frames, 17, 2)`` in pixels."""
    frame_count = int(random.integers(FEWEST_FRAMES, MOST_FRAMES + 1))
    tempo, start = random.uniform(0.8, 1.25), random.uniform(0, 1)
    bodies = _MOTIONS[name.action](start + tempo * np.arange(frame_count) / FRAMES_PER_SECOND)
    height, width = IMAGE_SIZE
    stature = height * random.uniform(0.45, 0.6)
    # Cameras 2 and 3 stand 45° to the side: the same people, narrower.
    narrowing = 1.0 if name.camera == 1 else 0.8
    feet = np.array([width * random.uniform(0.38, 0.62), height * random.uniform(0.86, 0.93)])
    return bodies * np.array([stature * narrowing, stature]) + feet


def _detect(
    joints: NDArray[np.float64], random: np.random.Generator
) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """Keypoints as a pose estimator would give them: a little off, and sure in that measure."""
    error = random.normal(scale=0.8, size=joints.shape)
    score = 0.97 * np.exp(-np.square(error).sum(axis=-1) / 20)
    return (joints + error).astype(np.float16), score.astype(np.float16)


# ── Bodies ── x to the right, y down, in body heights; the person faces us, so that the left
# side (odd joints, COCO's order) is on the right of the picture.


def _standing(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(frames, 17, 2)`` of somebody who stands and breathes."""
    left = {1: (0.02, -0.93), 3: (0.045, -0.92), 5: (0.11, -0.81), 7: (0.15, -0.65), 9: (0.165, -0.49)}
    left |= {11: (0.07, -0.51), 13: (0.08, -0.26), 15: (0.085, -0.02)}
    body = np.zeros((len(seconds), 17, 2))
    body[:, 0] = (0, -0.91)
    for joint, (x, y) in left.items():
        body[:, joint] = (x, y)
        body[:, joint + 1] = (-x, y)
    body[:, :11, 1] += 0.004 * np.sin(2 * np.pi * 0.3 * seconds)[:, None]
    return body


def _wave(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    body = _standing(seconds)
    swing = np.sin(2 * np.pi * 1.5 * seconds)
    body[:, 8] = (-0.21, -0.88)
    body[:, 10] = np.stack([-0.22 + 0.11 * swing, -1.05 + 0.03 * np.abs(swing)], axis=-1)
    return body[None]


def _jump(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    body = _standing(seconds)
    phase = np.sin(2 * np.pi * 0.9 * seconds)
    lift, crouch = 0.2 * np.maximum(phase, 0), 0.14 * np.maximum(-phase, 0)
    body[:, :13, 1] += (crouch - lift)[:, None]
    body[:, 13:15, 1] += (0.6 * crouch - lift)[:, None]
    body[:, 13:15, 0] += np.outer(crouch, (0.5, -0.5))
    body[:, 15:, 1] -= lift[:, None]
    body[:, 7:11, 1] -= (1.2 * lift)[:, None]
    return body[None]


def _shake_hands(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    shake = -0.62 + 0.05 * np.sin(2 * np.pi * 2 * seconds)
    one, other = _standing(seconds), _standing(seconds + 1)
    # The first person stands on our left: the inner arm is the left one; the other mirrors it.
    one[:, 7] = (0.22, -0.66)
    one[:, 9] = np.stack([np.full_like(shake, 0.33), shake], axis=-1)
    other[:, 8] = (-0.22, -0.66)
    other[:, 10] = np.stack([np.full_like(shake, -0.33), shake], axis=-1)
    apart = np.array([0.33, 0])
    return np.stack([one - apart, other + apart])


def _clap(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    body = _standing(seconds)
    gap = 0.015 + 0.15 * np.abs(np.sin(2 * np.pi * 1.2 * seconds))
    body[:, 7:9] = ((0.19, -0.68), (-0.19, -0.68))
    body[:, 9:11, 0] = np.outer(gap, (1, -1))
    body[:, 9:11, 1] = -0.72
    return body[None]


def _kick(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    body = _standing(seconds)
    angle = 1.3 * np.maximum(np.sin(2 * np.pi * 0.8 * seconds), 0)
    direction = np.stack([-np.sin(angle), np.cos(angle)], axis=-1)
    body[:, 14] = body[:, 12] + 0.25 * direction
    body[:, 16] = body[:, 12] + 0.49 * direction
    return body[None]


_MOTIONS: dict[int, Motion] = {23: _wave, 27: _jump, 58: _shake_hands, 10: _clap, 24: _kick}
"""NTU's action number → how it is done: hand waving, jump up, handshaking, clapping, kicking."""


# ── Pictures ──

_SKIN, _SHOES = (224, 178, 146), (60, 52, 50)
_LEGS = ((11, 13), (12, 14), (13, 15), (14, 16))
_TORSO = ((5, 11), (6, 12), (5, 12), (6, 11), (5, 6), (11, 12))
_SLEEVES, _FOREARMS = ((5, 7), (6, 8)), ((7, 9), (8, 10))


def _draw(joints: NDArray[np.float64], name: _Name, random: np.random.Generator) -> NDArray[np.uint8]:
    """``(persons, frames, 17, 2)`` pixels → ``(frames, height, width, 3)``."""
    room = _room(random)
    clothes = random.integers(40, 200, size=(len(joints), 2, 3))
    frames = np.repeat(room[None], joints.shape[1], axis=0)
    # Feet to nose of somebody who stands: the limbs' thickness, the same through the clip.
    stature = float(np.median(joints[..., 15:, 1].mean(axis=-1) - joints[..., 0, 1]))
    for time, frame in enumerate(frames):
        for person, (shirt, trousers) in zip(joints[:, time], clothes, strict=True):
            _draw_person(frame, person, stature, shirt=shirt, trousers=trousers)
    return frames


def _room(random: np.random.Generator) -> NDArray[np.uint8]:
    height, width = IMAGE_SIZE
    wall, floor = random.integers(150, 215, size=3), random.integers(90, 140, size=3)
    room = np.empty((height, width, 3))
    skirting = int(0.72 * height)
    room[:skirting] = wall + np.linspace(-12, 12, width)[None, :, None]
    room[skirting:] = floor + np.linspace(0, 25, height - skirting)[:, None, None]
    left, top = int(random.uniform(0.02, 0.7) * width), int(random.uniform(0.08, 0.2) * height)
    room[top : top + height // 4, left : left + width // 5] = wall + 35  # a window or a picture
    return room.clip(0, 255).astype(np.uint8)


def _draw_person(
    frame: NDArray[np.uint8],
    joints: NDArray[np.float64],
    stature: float,
    *,
    shirt: NDArray[np.int64],
    trousers: NDArray[np.int64],
) -> None:
    def draw(limbs: Iterable[tuple[int, int]], thickness: float, colour: object) -> None:
        for a, b in limbs:
            _draw_capsule(frame, joints[a], joints[b], thickness * stature, np.asarray(colour, dtype=float))

    draw(_LEGS, 0.045, trousers)
    draw(((15, 15), (16, 16)), 0.05, _SHOES)
    draw(_TORSO, 0.063, shirt)
    draw(_SLEEVES, 0.04, shirt)
    draw(_FOREARMS, 0.032, _SKIN)
    draw(((9, 9), (10, 10)), 0.042, _SKIN)
    draw(((0, 0),), 0.085, _SKIN)
    draw(((1, 1), (2, 2)), 0.012, _SHOES)


def _draw_capsule(
    frame: NDArray[np.uint8],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    radius: float,
    colour: NDArray[np.float64],
) -> None:
    """Paint, in place and with soft edges, every pixel within ``radius`` of the segment."""
    height, width = frame.shape[:2]
    x1, y1 = np.floor(np.minimum(start, end) - radius - 1).astype(int).clip(0)
    x2, y2 = np.ceil(np.maximum(start, end) + radius + 2).astype(int)
    y, x = np.ogrid[y1 : min(y2, height), x1 : min(x2, width)]
    along = end - start
    length_squared = float(along @ along)
    part = ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / max(length_squared, 1e-9)
    part = part.clip(0, 1)
    distance = np.hypot(x - start[0] - part * along[0], y - start[1] - part * along[1])
    cover = (radius + 0.5 - distance).clip(0, 1)[..., None]
    patch = frame[y1 : min(y2, height), x1 : min(x2, width)]
    patch[:] = patch * (1 - cover) + colour * cover + 0.5


# ── Files ──


def _write_video(path: Path, frames: NDArray[np.uint8]) -> None:
    """H.264 as the real clips are: B-frames, and a key frame every 12."""
    height, width = frames.shape[1:3]
    with atomic_path(path) as unfinished, av.open(str(unfinished), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, FRAMES_PER_SECOND)
        stream.gop_size = 12
        # One thread: the same bytes on every machine.
        stream.codec_context.thread_count = 1
        stream.options = {"crf": "24", "preset": "veryfast", "bf": "2"}
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _write_pickle(path: Path, content: object) -> None:
    with atomic_path(path) as unfinished, unfinished.open("wb") as file:
        pickle.dump(content, file, protocol=4)
