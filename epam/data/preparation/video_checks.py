"""Every crop of a prepared folder decoded from end to end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from epam.data.data_root import VIDEO_ENDINGS, list_endings
from epam.data.datasets import Dataset
from epam.data.person_crop import CROP_SIDE
from epam.data.preparation.cropping import check_frame_count
from epam.data.preparation.finding import Finding
from epam.data.preparation.frame_stream import count_frames, read_facts
from epam.data.preparation.worker_pool import work_through
from epam.data.store import SkeletonStore, hash_file
from epam.errors import InputError, VideoError, printable


@dataclass(frozen=True, kw_only=True)
class VideoCount:
    """What the videos are together; none of it where they were not looked at."""

    checked: int
    total_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class _VideoChecker:
    """Decodes the crop of a sample; a job for workers. Gives its sha256 and size, or what is wrong."""

    store: SkeletonStore
    paths: Mapping[str, Path] = field(repr=False)

    def __call__(self, name: str) -> tuple[str, int] | Finding:
        path = self.paths[name]
        try:
            facts = read_facts(path)
            if (facts.width, facts.height) != (CROP_SIDE, CROP_SIDE):
                raise VideoError(
                    f"{path}: has frames of {facts.width}×{facts.height}, crops have "
                    f"{CROP_SIDE}×{CROP_SIDE}; prepare it again"
                )
            annotation = self.store.annotation(self.store.find(name))
            check_frame_count(path, count_frames(path), annotation)
            return hash_file(path), path.stat().st_size
        except (VideoError, InputError) as error:
            return Finding("damaged video", name, str(error))


def check_videos(
    store: SkeletonStore,
    dataset: Dataset,
    folder: Path,
    workers: int,
    advance: Callable[[str], object],
) -> tuple[VideoCount, list[Finding]]:
    """Decode the crop of every usable sample; returns what they are together, and what is wrong."""
    names = store.names.tolist()
    endings = tuple(dict.fromkeys((*dataset.video_endings, *VIDEO_ENDINGS)))
    listed = list_endings(folder, names, endings).tolist()
    paths = {
        name: folder / f"{name}{endings[found]}"
        for name, found in zip(names, listed, strict=True)
        if found >= 0
    }
    findings = [
        Finding("missing video", name, f"{folder}: no video of sample {name}, like {name}{endings[0]}")
        for name in names
        if name not in paths
    ]
    sums: dict[str, tuple[str, int]] = {}
    job = _VideoChecker(store=store, paths=paths)
    with closing(work_through(job, list(paths), workers=workers)) as results:
        for name, result in results:
            if isinstance(result, Finding):
                findings.append(result)
            else:
                sums[name] = result
            advance(name)
    findings += _unexpected(folder, {path.name for path in paths.values()})
    return _count_videos(sums), sorted(findings)


def _unexpected(folder: Path, expected: set[str]) -> Iterator[Finding]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        # Our own unfinished files are hidden, and go away by themselves.
        if path.name not in expected and not path.name.startswith("."):
            name = printable(path.name)
            yield Finding("unexpected file", name, f"{folder}: {name} belongs to no sample; take it away")


def _count_videos(sums: Mapping[str, tuple[str, int]]) -> VideoCount:
    lines = "".join(f"{sums[name][0]}  {name}\n" for name in sorted(sums))
    return VideoCount(
        checked=len(sums),
        total_bytes=sum(size for _, size in sums.values()),
        sha256=hashlib.sha256(lines.encode()).hexdigest(),
    )
