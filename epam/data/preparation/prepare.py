"""The prepared folder made: skeletons packed once, every video cropped, resumable and in shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from epam.data.annotations import Problem
from epam.data.data_root import CROPS_FOLDER, STORE_FOLDER, VIDEO_ENDINGS, get_video
from epam.data.datasets import Dataset
from epam.data.datasets.pku_mmd import PKU_MMD, SplitFileRule, long_video_of
from epam.data.preparation.cropping import Done, crop_video
from epam.data.preparation.cutting import LongVideoCutter, list_long_videos
from epam.data.preparation.merging import merge_files
from epam.data.preparation.shards import WHOLE, Shard
from epam.data.preparation.worker_pool import work_through
from epam.data.store import INDEX_FILE, SkeletonStore, SourceFile
from epam.errors import AnnotationError, InputError, VideoError

Advance = Callable[[str], object]

SPLIT_FILES = {"xsub": "cross-subject.txt", "xview": "cross-view.txt"}
"""PKU-MMD's own, by protocol."""


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What came of it.

    Attributes:
        made: videos written now.
        kept: videos that were there already.
        problems: what could not be made, and why.
        interrupted: whether the user stopped it; begun again, it goes on.
    """

    made: int = 0
    kept: int = 0
    problems: tuple[Problem, ...] = ()
    interrupted: bool = False


# --- Skeletons --------------------------------------------------------------------------------------


def prepare_store(
    dataset: Dataset,
    annotations: Sequence[Path],
    output: Path,
    *,
    protocol: str | None = None,
    split_files: Path | None = None,
    overwrite: bool = False,
) -> SkeletonStore:
    """Read annotation files into the folder's store; read again only if they are other files.

    Args:
        dataset: what they are annotations of.
        annotations: a container, or lists of one part each.
        output: the folder that is prepared.
        protocol: of lists whose file names don't say it.
        split_files: folder of PKU-MMD's ``cross-subject.txt`` and ``cross-view.txt``, for files
            without splits.
        overwrite: replace a store that was made from other files; who reads it goes on with it.

    Returns:
        The store, opened.

    Raises:
        AnnotationError: a file cannot be read.
        InputError: the folder holds a store made from other files, or cannot be written.
        UnknownNameError: no such protocol.
    """
    default = dataset.protocol(protocol) if protocol else None
    sources = [SourceFile.of(path) for path in annotations]
    rules = _read_split_files(dataset, split_files)
    if split_files is not None:
        sources += [SourceFile.of(split_files / SPLIT_FILES[name]) for name in rules]
    folder = output / STORE_FOLDER
    old = _open_old(folder, overwrite=overwrite)
    if old is not None and (old.sources, old.dataset) == (tuple(sources), dataset.name):
        return old
    if old is not None and not overwrite:
        made_from = ", ".join(source.name for source in old.sources) or "no file that it names"
        raise InputError(
            f"{folder}: holds a store of {old.dataset} made from other files ({made_from}); "
            "replace it with --overwrite, or choose another folder"
        )
    store = merge_files(annotations, dataset.protocols, default=default)
    if rules and not store.splits:
        store = _with_splits(store, rules)
    store.write(folder, dataset=dataset.name, sources=sources)
    return SkeletonStore.open(folder)


def _open_old(folder: Path, *, overwrite: bool) -> SkeletonStore | None:
    if not (folder / INDEX_FILE).exists():
        return None
    try:
        return SkeletonStore.open(folder)
    except AnnotationError as error:
        if overwrite:
            return None
        raise InputError(f"{error}; --overwrite replaces it") from None


def _read_split_files(dataset: Dataset, folder: Path | None) -> dict[str, SplitFileRule]:
    if folder is None:
        return {}
    if dataset.name != PKU_MMD.name:
        raise InputError(f"--split-files: only pku_mmd has such files, not {dataset.name}; leave it out")
    found = {name: folder / file for name, file in SPLIT_FILES.items() if (folder / file).exists()}
    if not found:
        raise InputError(f"{folder}: has neither of {', '.join(SPLIT_FILES.values())}; check --split-files")
    return {name: SplitFileRule.read(path) for name, path in found.items()}


def _with_splits(store: SkeletonStore, rules: Mapping[str, SplitFileRule]) -> SkeletonStore:
    splits: dict[str, list[str]] = {}
    problems = list(store.problems)
    samples = [*store.names.tolist(), *(problem.sample for problem in store.problems)]
    for name, rule in rules.items():
        for sample in samples:
            try:
                splits.setdefault(f"{name}_{rule(sample)}", []).append(sample)
            except AnnotationError as error:
                problems.append(Problem(sample, str(error)))
    by_sample = {problem.sample: problem for problem in reversed(problems)}
    annotations = (store.annotation(row) for row in range(len(store)))
    return SkeletonStore.pack(annotations, splits, list(by_sample.values()))


# --- Videos -----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class VideoCropper:
    """Crops the video of a sample; a job for workers, who map the store and share its memory.

    Attributes:
        store: the skeletons.
        videos: folder of the whole videos.
        crops: folder that gets the crops.
        ending: what follows the id in a crop's name.
        endings: what may follow it in a video's name.
    """

    store: SkeletonStore
    videos: Path
    crops: Path
    ending: str
    endings: tuple[str, ...] = field(default=VIDEO_ENDINGS)

    def __call__(self, name: str) -> Done | Problem:
        """Crop one video; a bad one is a problem.

        Raises:
            InputError: the crop cannot be written: a fault of the disk, not of this video.
        """
        annotation = self.store.annotation(self.store.find(name))
        try:
            source = get_video(self.videos, name, self.endings)
            return crop_video(annotation, source, self.crops / f"{name}{self.ending}")
        except VideoError as error:
            return Problem(name, str(error))


def samples_of_shard(dataset: Dataset, store: SkeletonStore, shard: Shard) -> list[str]:
    """Ids of the store's samples that belong to one share."""
    return [name for name in store.names.tolist() if shard.takes(_share_key(dataset, name))]


def crop_videos(
    dataset: Dataset,
    store: SkeletonStore,
    videos: Path,
    output: Path,
    *,
    shard: Shard = WHOLE,
    workers: int = 1,
    advance: Advance = lambda name: None,
) -> Preparation:
    """Crop the videos of a store's samples, those of one share; Ctrl-C ends it and keeps what is made.

    Raises:
        InputError: no such folder of videos, it is the one to be written, or the disk is full or
            read-only: that ends it at once.
    """
    crops = output / CROPS_FOLDER
    _check_folders(videos, crops)
    names = samples_of_shard(dataset, store, shard)
    job = VideoCropper(
        store=store,
        videos=videos,
        crops=crops,
        ending=dataset.video_endings[0],
        # What was prepared is looked for last: a folder may hold raw videos and crops of them.
        endings=tuple(dict.fromkeys((*dataset.video_endings[::-1], *VIDEO_ENDINGS))),
    )
    tally = _Tally()
    try:
        with closing(work_through(job, names, workers=workers)) as results:
            for name, result in results:
                tally.count(result)
                advance(name)
    except KeyboardInterrupt:
        return tally.summary(interrupted=True)
    return tally.summary()


def cut_long_videos(
    labels: Path,
    videos: Path,
    clips: Path,
    *,
    shard: Shard = WHOLE,
    workers: int = 1,
    advance: Advance = lambda name: None,
) -> Preparation:
    """Cut PKU-MMD's long videos, those of one share, into clips; ``made`` counts the long videos.

    Raises:
        InputError: no such folders, or the disk is full or read-only: that ends it at once.
    """
    names = [name for name in list_long_videos(labels) if shard.takes(name)]
    _check_folders(videos, clips)
    tally = _Tally()
    try:
        job = LongVideoCutter(labels=labels, videos=videos, clips=clips)
        with closing(work_through(job, names, workers=workers)) as results:
            for name, problems in results:
                tally.problems.extend(problems)
                tally.made += not problems
                advance(name)
    except KeyboardInterrupt:
        return tally.summary(interrupted=True)
    return tally.summary()


def _check_folders(videos: Path, output: Path) -> None:
    if not videos.is_dir():
        raise InputError(f"{videos}: no such folder of videos; check --videos")
    if output.exists() and videos.samefile(output):
        raise InputError(f"{videos}: is where the result would be written; choose another --output")


def _share_key(dataset: Dataset, sample: str) -> str:
    """What decides the share: a clip goes with the long video that it is cut from."""
    if dataset.name != PKU_MMD.name:
        return sample
    try:
        return long_video_of(sample)
    except AnnotationError:
        return sample


@dataclass(eq=False)
class _Tally:
    made: int = 0
    kept: int = 0
    problems: list[Problem] = field(default_factory=list)

    def count(self, result: Done | Problem) -> None:
        if isinstance(result, Problem):
            self.problems.append(result)
        elif result == "made":
            self.made += 1
        else:
            self.kept += 1

    def summary(self, *, interrupted: bool = False) -> Preparation:
        return Preparation(
            made=self.made, kept=self.kept, problems=tuple(self.problems), interrupted=interrupted
        )
