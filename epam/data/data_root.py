"""What training and evaluation read: one split of a prepared folder, or of annotation files and videos."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epam.data.annotations import Annotation, Problem
from epam.data.datasets import Dataset, Part, Protocol, custom_protocol, get_dataset
from epam.data.preparation.merging import merge_files
from epam.data.store import INDEX_FILE, SkeletonStore
from epam.errors import AnnotationError, InputError, UnknownNameError, VideoError, printable

STORE_FOLDER = "store"
"""Folder of a prepared root that holds the skeletons."""

CROPS_FOLDER = "videos224"
"""Folder of a prepared root that holds the videos, cropped to the people in them."""

FOLDERS_BESIDE_ANNOTATIONS = (".", CROPS_FOLDER, "videos")
"""Where videos are looked for when only annotation files are given; of equal ones the first is taken."""

VIDEO_ENDINGS = ("_rgb.mp4", "_rgb.avi", ".mp4", ".avi")
"""What may follow a sample's id in its video's name, beside what the data set says."""

_NO_VIDEO = -1


@dataclass(frozen=True, kw_only=True)
class DataLocation:
    """Where the user says the data are.

    Attributes:
        dataset: its name.
        protocol: its name; of a custom data set the prefix of its splits.
        root: a prepared folder; or else the two that follow.
        annotations: pickles: a container, or one list for each part.
        videos: folder of the videos; none: looked for beside the first pickle.
        split: a split by the name that the file has for it; none: the protocol's.
        num_classes: of a custom data set.
        class_names: a file that names a custom data set's classes, one a line.
    """

    dataset: str
    protocol: str
    root: Path | None = None
    annotations: tuple[Path, ...] = ()
    videos: Path | None = None
    split: str | None = None
    num_classes: int | None = None
    class_names: Path | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Split:
    """The samples of one part of a data set, and where their videos are.

    Cheap to send to a worker process when its store is a folder's.

    Attributes:
        dataset: the data set's name.
        protocol: gives the classes.
        part: what the split is for; none where the user named a split that the protocol doesn't know.
        name: the split's name in the file; none where the file has no splits.
        store: the skeletons.
        rows: the store's rows of the usable samples, in the split's order, each once. A sample
            whose video is missing is among them: that shows when it is read.
        problems: the samples that cannot be used: malformed, without annotation, or with a label
            that is none of the classes. With ``rows``, all of the split.
        videos: folder of the videos; none where they were not needed.
        origin: where it comes from, for messages.
        caveats: what was assumed.
        video_endings: what may follow an id in its video's name, the likeliest first.
        endings_found: for each of ``rows`` which of ``video_endings`` was listed, -1 for none;
            none where the folder was not listed.
    """

    dataset: str
    protocol: Protocol
    part: Part | None
    name: str | None
    store: SkeletonStore
    rows: NDArray[np.int64]
    problems: tuple[Problem, ...] = ()
    videos: Path | None
    origin: str
    caveats: tuple[str, ...] = ()
    video_endings: tuple[str, ...] = VIDEO_ENDINGS
    endings_found: NDArray[np.int8] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def annotation(self, index: int) -> Annotation:
        """The skeletons of the ``index``-th usable sample."""
        return self.store.annotation(int(self.rows[index]))

    def sample_name(self, index: int) -> str:
        """The id of the ``index``-th usable sample."""
        return self.store.name(int(self.rows[index]))

    def label(self, index: int) -> int:
        """The class of the ``index``-th usable sample."""
        return int(self.store.labels[self.rows[index]])

    @property
    def labels(self) -> NDArray[np.int64]:
        """The classes of the usable samples, in the split's order."""
        return self.store.labels[self.rows]

    def find_video(self, index: int) -> Path:
        """The video of the ``index``-th usable sample.

        Raises:
            VideoError: there is none; names what was tried.
        """
        sample = self.sample_name(index)
        if self.videos is None:
            raise VideoError(f"{self.origin}: sample {sample} has no video, no folder of videos was given")
        listed = _NO_VIDEO if self.endings_found is None else self.endings_found[index]
        if listed != _NO_VIDEO:
            return self.videos / f"{sample}{self.video_endings[listed]}"
        return get_video(self.videos, sample, self.video_endings)

    @cached_property
    def sha256(self) -> str:
        """Names the split's samples and labels, unusable ones included, whatever their order and place."""
        problems = [problem.sample for problem in self.problems]
        lines = [f"{name}\t{label}" for name, label in zip(self._names(), self.labels.tolist(), strict=True)]
        for sample, row in zip(problems, self.store.find_rows(problems), strict=True):
            lines.append(f"{sample}\t" if row < 0 else f"{sample}\t{self.store.labels[row]}")
        return _hash_lines(sorted(lines))

    @cached_property
    def label_map_sha256(self) -> str:
        """Names the classes and their order."""
        return hash_class_names(self.protocol.class_names)

    def _names(self) -> list[str]:
        return self.store.names[self.rows].tolist()


def hash_class_names(class_names: Sequence[str]) -> str:
    """SHA-256 of classes and their order, as manifests and records have it."""
    return _hash_lines([f"{index}\t{name}" for index, name in enumerate(class_names)])


def _hash_lines(lines: Sequence[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")).hexdigest()


def open_split(location: DataLocation, part: Part, *, needs_videos: bool) -> Split:
    """Find the samples of one part, and refuse early what cannot be used.

    The file's own splits are followed. Where it has none, and its name says no part, the data
    set's published rule parts the samples by their names; a data set without a rule is taken
    whole, which is told as a caveat.

    Args:
        location: where the data are.
        part: which part; ``location.split`` names another.
        needs_videos: whether the network sees frames.

    Raises:
        InputError: the location is incomplete or contradicts itself, the root is missing, or no
            label is one of the classes.
        AnnotationError: the files cannot be read, or no sample of the split can be used.
        UnknownNameError: no such data set, protocol or split.
        VideoError: not one sample of the split has a video.
    """
    dataset = get_dataset(location.dataset)
    protocol = find_protocol(location)
    store, origin = _open_store(location, dataset, protocol)
    chosen = _choose_samples(store, location, dataset, protocol, part, origin)
    rows, problems = _sort_out(store, chosen, protocol, origin, location)
    endings = tuple(dict.fromkeys((*dataset.video_endings, *VIDEO_ENDINGS)))
    names = store.names[rows].tolist()
    folder, found = _find_videos(location, names, endings) if needs_videos else (None, None)
    return Split(
        dataset=dataset.name,
        protocol=protocol,
        part=_part_of_split(protocol, chosen.name, part),
        name=chosen.name,
        store=store,
        rows=rows,
        problems=problems,
        videos=folder,
        origin=origin,
        caveats=chosen.caveats + _overlap_caveat(store, protocol, chosen, origin),
        video_endings=endings,
        endings_found=found,
    )


def find_protocol(location: DataLocation) -> Protocol:
    """The protocol of a location; a custom data set's is made from the classes that the user gives.

    Raises:
        UnknownNameError: no such data set or protocol.
        InputError: classes are missing, or given for a data set that has its own.
    """
    dataset = get_dataset(location.dataset)
    given = location.num_classes is not None or location.class_names is not None
    if dataset.protocols:
        if given:
            raise InputError(
                f"--num-classes and --class-names: {dataset.name} has its own classes; "
                "leave them out, or take --dataset custom"
            )
        return dataset.protocol(location.protocol)
    if not given:
        raise InputError(
            f"data set {dataset.name!r}: its classes are not known; give their number with --num-classes, "
            "or a file with one name a line with --class-names"
        )
    names = _read_class_names(location.class_names) if location.class_names else ()
    number = len(names) if location.num_classes is None else location.num_classes
    return custom_protocol(location.protocol, num_classes=number, class_names=names)


def get_video(folder: Path, sample: str, endings: Sequence[str] = VIDEO_ENDINGS) -> Path:
    """The sample's video in ``folder``, the first of the endings that exists.

    Raises:
        VideoError: there is none; names what was tried.
    """
    for ending in endings:
        if (video := folder / f"{sample}{ending}").is_file():
            return video
    tried = ", ".join(f"{sample}{ending}" for ending in endings)
    raise VideoError(f"{folder}: no video of sample {sample}; put there one of {tried}")


def list_endings(folder: Path, samples: Sequence[str], endings: Sequence[str]) -> NDArray[np.int8]:
    """For each sample which ending its video in ``folder`` has, -1 for no video.

    One listing: file systems may be slow and splits long.
    """
    found = np.full(len(samples), _NO_VIDEO, dtype=np.int8)
    if not folder.is_dir():
        return found
    with os.scandir(folder) as entries:
        files = {entry.name for entry in entries if entry.is_file()}
    for index, sample in enumerate(samples):
        found[index] = next(
            (n for n, ending in enumerate(endings) if f"{sample}{ending}" in files), _NO_VIDEO
        )
    return found


def _read_class_names(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check --class-names") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text; give one class name a line") from None
    names = tuple(line.strip() for line in lines if line.strip())
    if not names:
        raise InputError(f"{path}: names no class; give one name a line")
    return names


# --- The store --------------------------------------------------------------------------------------


def _open_store(location: DataLocation, dataset: Dataset, protocol: Protocol) -> tuple[SkeletonStore, str]:
    if location.root is None:
        if not location.annotations:
            raise InputError("no data: give a prepared folder with --root, or annotations with --annotations")
        store = merge_files(location.annotations, dataset.protocols or (protocol,), default=protocol)
        return store, ", ".join(map(str, location.annotations))
    if location.annotations:
        raise InputError("--root and --annotations: give one of them")
    return open_prepared_store(location.root, location.dataset), str(location.root)


def open_prepared_store(root: Path, dataset: str) -> SkeletonStore:
    """The skeletons of a folder that was prepared for this data set.

    Raises:
        InputError: it is no prepared folder, or another data set's, whose samples would get the wrong
            class names.
    """
    check_root(root, dataset)
    store = SkeletonStore.open(root / STORE_FOLDER)
    if store.dataset not in (None, dataset):
        prepared = printable(store.dataset)
        raise InputError(
            f"{root}: was prepared for {prepared}, not for {dataset}; choose it with --dataset {prepared}"
        )
    return store


def check_root(root: Path, dataset: str) -> None:
    """Raise InputError unless the root is a prepared folder; says how to make it."""
    fix = _how_to_make(root, dataset)
    if not root.exists():
        raise InputError(f"{root}: no such folder; {fix}")
    if not root.is_dir():
        raise InputError(f"{root}: is a file, not a prepared folder; {fix}")
    if not (root / STORE_FOLDER / INDEX_FILE).exists():
        raise InputError(f"{root}: is not a prepared folder, it has no {STORE_FOLDER}/{INDEX_FILE}; {fix}")


def _how_to_make(root: Path, dataset: str) -> str:
    if dataset == "embedded":
        return f"draw it with: epam-data synth -o {root}"
    return f"prepare it with: epam-data prepare {dataset} --annotations FILE.pkl --videos FOLDER -o {root}"


# --- The samples ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    """Ids of a part's samples in order, what their split is called, and what was assumed."""

    name: str | None
    samples: Sequence[str]
    problems: tuple[Problem, ...] = ()
    caveats: tuple[str, ...] = ()


def _choose_samples(
    store: SkeletonStore,
    location: DataLocation,
    dataset: Dataset,
    protocol: Protocol,
    part: Part,
    origin: str,
) -> _Chosen:
    splits = store.splits
    if location.split is not None:
        if location.split not in splits:
            known = list(splits) or ["none, it has no splits"]
            raise UnknownNameError(f"split of {origin}", location.split, known)
        return _Chosen(name=location.split, samples=splits[location.split])
    if splits:
        name = protocol.find_split(part, splits)
        return _Chosen(name=name, samples=splits[name])
    everything = [*store.names.tolist(), *(problem.sample for problem in store.problems)]
    if protocol.part_rule is None:
        caveat = f"{origin}: a plain list: it does not say which split or protocol it is; taken whole"
        return _Chosen(name=None, samples=everything, caveats=(caveat,))
    return _part_by_rule(everything, dataset, protocol, part, origin)


def _part_by_rule(
    samples: Sequence[str], dataset: Dataset, protocol: Protocol, part: Part, origin: str
) -> _Chosen:
    """Part a list by the published rule; a name that the data set doesn't have is a problem of every part."""
    chosen: list[str] = []
    problems: list[Problem] = []
    for sample in samples:
        try:
            if protocol.part_of(sample) == part:
                chosen.append(sample)
        except AnnotationError as error:
            # A camera that the protocol leaves out is no defect.
            if not _is_name_of(dataset, sample):
                problems.append(Problem(sample, f"{origin}: {error}"))
    caveat = f"{origin}: has no splits; its samples are parted by {dataset.title} {protocol.title}'s rule"
    return _Chosen(name=None, samples=chosen, problems=tuple(problems), caveats=(caveat,))


def _is_name_of(dataset: Dataset, sample: str) -> bool:
    try:
        return dataset.parse_name is None or bool(dataset.parse_name(sample))
    except AnnotationError:
        return False


def _sort_out(
    store: SkeletonStore, chosen: _Chosen, protocol: Protocol, origin: str, location: DataLocation
) -> tuple[NDArray[np.int64], tuple[Problem, ...]]:
    """The rows of the samples that can be used, and what is wrong with each of the others."""
    shown = f"split {printable(chosen.name)!r}" if chosen.name else "this part"
    if not len(chosen.samples):
        raise AnnotationError(f"{origin}: {shown} has no samples; choose another, or other annotations")
    rows = store.find_rows(chosen.samples)
    labels = np.where(rows >= 0, store.labels[rows] if len(store) else -1, -1)
    mislabelled = (rows >= 0) & (labels >= protocol.num_classes)
    problems = [
        *chosen.problems,
        *_without_annotation(store, [chosen.samples[i] for i in np.flatnonzero(rows < 0).tolist()], origin),
        *(
            Problem(chosen.samples[i], _wrong_label(chosen.samples[i], int(labels[i]), protocol, origin))
            for i in np.flatnonzero(mislabelled).tolist()
        ),
    ]
    usable = rows[(rows >= 0) & ~mislabelled]
    if not len(usable) and mislabelled.any():
        first = int(np.argmax(mislabelled))
        raise InputError(
            f"{origin}: every label of {shown} is outside the {protocol.num_classes} classes of "
            f"{location.dataset} {protocol.name} (sample {chosen.samples[first]} has {labels[first]}); "
            "choose the data set with --dataset and --protocol"
        )
    if not len(usable):
        raise AnnotationError(
            f"{origin}: not one of the {len(rows)} samples of {shown} can be used; the first: "
            f"{problems[0].message}"
        )
    return usable, tuple(problems)


def _without_annotation(store: SkeletonStore, samples: Sequence[str], origin: str) -> list[Problem]:
    known = {problem.sample: problem.message for problem in store.problems}
    missing = f"{origin}: sample {{}} is named by the split but has no annotation; take it off, or add it"
    return [Problem(name, known.get(name) or missing.format(printable(name))) for name in samples]


def _wrong_label(sample: str, label: int, protocol: Protocol, origin: str) -> str:
    return (
        f"{origin}: sample {sample} has label {label}, and {protocol.title} only {protocol.num_classes} "
        "classes, from 0; correct it, or choose its data set with --dataset and --protocol"
    )


def _part_of_split(protocol: Protocol, name: str | None, part: Part) -> Part | None:
    """What a split that was found is for; the part asked for, unless the user named another split."""
    if name is None or name in protocol.split_names.get(part, ()):
        return part
    return next((other for other, names in protocol.split_names.items() if name in names), None)


def _overlap_caveat(
    store: SkeletonStore, protocol: Protocol, chosen: _Chosen, origin: str
) -> tuple[str, ...]:
    """Tell if samples of this split are in another part of the same protocol too."""
    if chosen.name is None:
        return ()
    splits, own = store.splits, set(chosen.samples)
    others = {name for names in protocol.split_names.values() for name in names if name in splits}
    caveats = []
    for other in sorted(others - {chosen.name}):
        if common := own.intersection(splits[other]):
            caveats.append(
                f"{origin}: {len(common)} samples of split {printable(chosen.name)!r} are in {other!r} too, "
                f"such as {printable(min(common))}"
            )
    return tuple(caveats)


# --- The videos -------------------------------------------------------------------------------------


def _find_videos(
    location: DataLocation, samples: Sequence[str], endings: Sequence[str]
) -> tuple[Path, NDArray[np.int8]]:
    """The folder that holds the videos of the most samples, and which ending each has there."""
    folders = _video_folders(location)
    listings = [list_endings(folder, samples, endings) for folder in folders]
    counts = [int((listing != _NO_VIDEO).sum()) for listing in listings]
    best = counts.index(max(counts))
    if counts[best]:
        return folders[best], listings[best]
    if location.root is not None:
        where, fix = location.root, f"give it videos: {_how_to_make(location.root, location.dataset)}"
    else:
        where, fix = location.annotations[0], "give their folder with --videos"
    raise VideoError(
        f"{where}: no video of its samples (such as {samples[0]}{endings[0]}) in "
        f"{', '.join(map(str, folders))}; {fix}"
    )


def _video_folders(location: DataLocation) -> list[Path]:
    if location.videos is not None:
        if not location.videos.is_dir():
            raise VideoError(f"{location.videos}: no such folder of videos; check --videos")
        return [location.videos]
    if location.root is not None:
        return [location.root / CROPS_FOLDER]
    beside = location.annotations[0].parent
    return [beside / name for name in FOLDERS_BESIDE_ANNOTATIONS]
