"""Writes the embedded data set: crops, keypoints, splits and the store that training reads."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from epam.atomic_file import atomic_path, write_atomically
from epam.data.annotations import load_annotations
from epam.data.clip_size import PAPER_SIZE
from epam.data.datasets import Part, SampleName, get_dataset
from epam.data.person_box import Box, person_box
from epam.data.store import SkeletonStore, SourceFile
from epam.data.synthetic.actions import ACTIONS
from epam.data.synthetic.sample_names import choose_names
from epam.data.synthetic.scene import Scene, stage
from epam.data.synthetic.surroundings import IMAGE_SIZE
from epam.data.synthetic.video_file import write_video
from epam.errors import InputError, printable

DATASET = "embedded"
DRAWING_VERSION = 1
"""To be raised whenever the same arguments give another picture or keypoint."""

_SETTINGS_FILE = "synth.json"
_SPLIT_NAMES: dict[Part, str] = {"train": "train", "test": "val"}  # NTU's files call the test part "val"


@dataclass(frozen=True, kw_only=True)
class SyntheticDataset:
    """Where a data set was written.

    Attributes:
        root: the folder, what ``--root`` names.
        annotations: the pickle with splits and keypoints, pyskl's and MMAction2's layout.
        crops: folder of 224×224 crops, ``<frame_dir>_rgb.mp4``.
        videos: folder of the full-size videos, same names; none unless they were asked for.
        samples: every ``frame_dir``, in the order of the pickle.
    """

    root: Path
    annotations: Path
    crops: Path
    videos: Path | None
    samples: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """What a data set's content follows from."""

    version: int
    seed: int
    actions: tuple[int, ...]
    samples_per_class: int
    full_size: bool


def write_dataset(
    directory: str | os.PathLike[str],
    *,
    actions: Sequence[int] = range(len(ACTIONS)),
    samples_per_class: int = 48,
    seed: int = 0,
    full_size: bool = False,
    workers: int = 1,
    overwrite: bool = False,
    on_sample: Callable[[str], None] | None = None,
) -> SyntheticDataset:
    """Write the embedded data set; the same for the same arguments, however many the workers.

    ::

        DIR/synth.json                          the arguments
        DIR/videos224/<frame_dir>_rgb.mp4       224×224 crops by the people in all frames
        DIR/videos/<frame_dir>_rgb.mp4          360×640 frames, with full_size
        DIR/annotations.pkl                     split + annotations (pyskl / MMAction2)
        DIR/store/                              the same keypoints, as training reads them

    Every file appears whole or not at all. Begun again with the same arguments, it goes on where
    it was stopped.

    Args:
        directory: made if need be.
        actions: class indices, from 0.
        samples_per_class: videos of each.
        seed: of everything that is left to chance.
        full_size: write the whole frames too.
        workers: processes that draw; 1 is this one.
        overwrite: remove a data set of other arguments first.
        on_sample: called with each sample's name once its videos are there.

    Raises:
        InputError: classes or numbers that cannot be drawn; a folder that holds another data set,
            or that cannot be written to.
    """
    names = list(choose_names(actions, samples_per_class))
    if seed < 0 or workers < 1:
        raise InputError(f"seed is {seed} and workers {workers}; at least 0 and 1 are needed")
    root = Path(directory)
    settings = _Settings(
        version=DRAWING_VERSION,
        seed=seed,
        actions=tuple(actions),
        samples_per_class=samples_per_class,
        full_size=full_size,
    )
    written = SyntheticDataset(
        root=root,
        annotations=root / "annotations.pkl",
        crops=root / "videos224",
        videos=root / "videos" if full_size else None,
        samples=tuple(names),
    )
    with _disk_errors_told(root):
        _claim(root, settings, overwrite=overwrite)
        found = _draw_all(written, seed, workers, on_sample or (lambda name: None))
        _write_annotations(written, found)
        _write_store(written)
    return written


@contextmanager
def _disk_errors_told(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{root}: cannot be written ({error.strerror or error}); free some disk or choose another "
            "folder, then begin again: it goes on where it stopped"
        ) from None


# --- The folder ---------------------------------------------------------------------------------


def _claim(root: Path, settings: _Settings, *, overwrite: bool) -> None:
    """Make the folder this data set's, or see that it is already."""
    if root.exists() and not root.is_dir():
        raise InputError(f"{root}: is a file; name a folder for the data set")
    wanted = json.loads(json.dumps(asdict(settings)))
    found = _read_settings(root / _SETTINGS_FILE)
    if found == wanted:
        return
    if found is None and root.exists() and any(root.iterdir()):
        raise InputError(f"{root}: holds files that are not this data set's; name another folder")
    if found is not None:
        if not overwrite:
            raise InputError(f"{root}: {_differences(found, wanted)}; name another folder, or --overwrite")
        _remove_dataset(root)
    write_atomically(root / _SETTINGS_FILE, json.dumps(wanted, indent=1) + "\n")


def _read_settings(path: Path) -> dict[str, object] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


def _differences(found: dict[str, object], wanted: dict[str, object]) -> str:
    for name, value in wanted.items():
        if found.get(name) != value:
            return printable(f"holds a data set whose {name} is {found.get(name)}, not {value}")
    return "holds a data set of another version"


def _remove_dataset(root: Path) -> None:
    """Remove what ``write_dataset`` writes, nothing else; the settings last, replaced by new ones."""
    (root / "annotations.pkl").unlink(missing_ok=True)
    shutil.rmtree(root / "store", ignore_errors=True)
    for folder in (root / "videos224", root / "videos"):
        for video in folder.glob("S???C???P???R???A???_rgb.mp4"):
            video.unlink()


# --- The samples --------------------------------------------------------------------------------


class _Found(NamedTuple):
    """What is found of a sample's people: ``(persons, frames, 17, 2)`` and ``(persons, frames, 17)``."""

    keypoint: NDArray[np.float16]
    keypoint_score: NDArray[np.float16]


def _draw_all(
    written: SyntheticDataset, seed: int, workers: int, on_sample: Callable[[str], None]
) -> dict[str, _Found]:
    """Draw the videos that are not there, and return every sample's keypoints."""
    for folder in (written.crops, written.videos):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, _Found] = {}
    for name, found_of_sample in _each_sample(written, seed, workers):
        found[name] = found_of_sample
        on_sample(name)
    return found


def _each_sample(written: SyntheticDataset, seed: int, workers: int) -> Iterator[tuple[str, _Found]]:
    """Names and keypoints as they are done; with several workers, in no order."""
    if workers == 1:
        for name in written.samples:
            yield name, _draw_sample(name, seed, written.crops, written.videos)
        return
    # Processes of their own, not forks: a fork of a program with threads may hang.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_begin_worker)
    try:
        jobs = {
            pool.submit(_draw_sample, name, seed, written.crops, written.videos): name
            for name in written.samples
        }
        for job in as_completed(jobs):
            yield jobs[job], job.result()
    except BrokenProcessPool:
        raise InputError(
            "a process that draws was killed (out of memory?); begin again with fewer workers: it goes on "
            "where it stopped"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker() -> None:
    """Leave stopping to the parent, and leave with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _draw_sample(name: str, seed: int, crops: Path, videos: Path | None) -> _Found:
    """Write a sample's videos, unless they are there; returns its keypoints."""
    scene = stage(_parse(name), seed)
    side = PAPER_SIZE.frame_side
    height, width = IMAGE_SIZE
    box = person_box(scene.keypoint, IMAGE_SIZE)
    _film(crops / f"{name}_rgb.mp4", scene, box, (side, side))
    if videos is not None:
        _film(videos / f"{name}_rgb.mp4", scene, (0, 0, width, height), IMAGE_SIZE)
    return _Found(scene.keypoint, scene.keypoint_score)


def _parse(name: str) -> SampleName:
    parse_name = get_dataset(DATASET).parse_name
    assert parse_name is not None
    return parse_name(name)


def _film(path: Path, scene: Scene, box: Box, size: tuple[int, int]) -> None:
    if not _is_finished(path, scene.frame_count):
        write_video(path, scene.film(box, size), size=size)


def _is_finished(path: Path, frame_count: int) -> bool:
    """Whether a video is there and, by its header, as long as it should be."""
    if not path.is_file():
        return False
    try:
        with av.open(f"file:{path.absolute()}") as container:
            return bool(container.streams.video[0].frames == frame_count)
    except (av.FFmpegError, OSError, IndexError):
        return False


# --- What is written last -----------------------------------------------------------------------


def _write_annotations(written: SyntheticDataset, found: Mapping[str, _Found]) -> None:
    entries = [_annotate(name, found[name]) for name in written.samples]
    content = {"split": _split(written.samples), "annotations": entries}
    with atomic_path(written.annotations) as unfinished, unfinished.open("wb") as file:
        pickle.dump(content, file, protocol=4)


def _annotate(name: str, found: _Found) -> dict[str, object]:
    # Copies, because a pickle tells what came from another process: it repeats the array's type.
    keypoint, score = (values.astype(np.float16) for values in found)
    return {
        "frame_dir": name,
        "label": _parse(name).label,
        "img_shape": IMAGE_SIZE,
        "original_shape": IMAGE_SIZE,
        "total_frames": keypoint.shape[1],
        "keypoint": keypoint,
        "keypoint_score": score,
    }


def _split(names: Sequence[str]) -> dict[str, list[str]]:
    """Each protocol's parts, by the data set's own rules."""
    return {
        f"{protocol.name}_{suffix}": [name for name in names if protocol.part_of(name) == part]
        for protocol in get_dataset(DATASET).protocols
        for part, suffix in _SPLIT_NAMES.items()
    }


def _write_store(written: SyntheticDataset) -> None:
    annotations = load_annotations(written.annotations)
    store = SkeletonStore.pack(annotations, annotations.splits)
    store.write(written.root / "store", dataset=DATASET, sources=[SourceFile.of(written.annotations)])
