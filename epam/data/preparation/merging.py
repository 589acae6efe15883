"""Annotation files of one data set made one store: a container, or a plain list for each part."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from epam.data.annotations import Annotation, AnnotationFile, Problem, load_annotations
from epam.data.datasets import Part, Protocol
from epam.data.store import SkeletonStore
from epam.errors import InputError

_PART_WORDS: dict[str, Part] = {"train": "train", "val": "val", "validation": "val", "test": "test"}


def merge_files(
    paths: Sequence[Path], protocols: Sequence[Protocol], *, default: Protocol | None = None
) -> SkeletonStore:
    """Read annotation files and pack their samples and splits together.

    A container brings its own splits. A plain list is the split that its file name says
    (``ntu60_xsub_train.pkl``, ``test_CS.pkl``: the published per-part lists); one that says
    nothing brings none, and stands alone. A sample that several files hold alike counts once; one
    that they hold differently is a problem.

    Args:
        paths: the pickles; nothing in them is executed.
        protocols: whose names a plain list's file name may bear.
        default: the protocol of a list whose name says a part and no protocol.

    Raises:
        AnnotationError: a file cannot be read, or has no usable sample.
        InputError: no file, or one of several does not say which part it is.
    """
    if not paths:
        raise InputError("no annotation file; name one with --annotations")
    files = [load_annotations(path) for path in paths]
    splits: dict[str, list[str]] = {}
    for file in files:
        for name, members in _splits_of(file, protocols, default, alone=len(files) == 1):
            splits.setdefault(name, []).extend(members)
    samples, problems = _merge_samples(files)
    return SkeletonStore.pack(samples, splits, problems)


def split_of_file_name(
    stem: str, protocols: Sequence[Protocol], *, default: Protocol | None = None
) -> str | None:
    """The split that a plain list's file name says it is; none if it says no part.

    Without protocols (the user's own data) the file's name is the split's.

    Raises:
        InputError: it says a part but not the protocol, and there are several.

    >>> from epam.data.datasets import get_dataset
    >>> split_of_file_name("test_CS", get_dataset("toyota_smarthome").protocols)
    'cs_test'
    """
    words = set(re.split(r"[^a-z0-9]+", stem.lower()))
    parts = {_PART_WORDS[word] for word in words & set(_PART_WORDS)}
    if len(parts) != 1:
        return None
    if not protocols:
        return stem
    (part,) = parts
    named = [protocol for protocol in protocols if protocol.name.lower() in words]
    candidates = named or ([default] if default else list(protocols))
    if len(candidates) == 1:
        return _split_name(candidates[0], part, words)
    choice = " or ".join(protocol.name for protocol in candidates)
    raise InputError(
        f"{stem}.pkl: is a list of which protocol, {choice}? Put it in its name, or give --protocol"
    )


def _split_name(protocol: Protocol, part: Part, words: set[str]) -> str:
    """The protocol's name for a part, the file's own word preferred; NTU's "val" is its test part."""
    names = [name for split_names in protocol.split_names.values() for name in split_names]
    spoken = [name for name in names if words & _words_of(part) & set(name.lower().split("_"))]
    return next(iter(spoken), f"{protocol.name}_{part}")


def _words_of(part: Part) -> set[str]:
    return {word for word, meant in _PART_WORDS.items() if meant == part}


def _splits_of(
    file: AnnotationFile, protocols: Sequence[Protocol], default: Protocol | None, *, alone: bool
) -> Iterable[tuple[str, Sequence[str]]]:
    if file.splits:
        return file.splits.items()
    split = split_of_file_name(file.path.stem, protocols, default=default)
    if split is not None:
        return [
            (split, [sample.frame_dir for sample in file] + [problem.sample for problem in file.problems])
        ]
    if alone:
        return []
    raise InputError(
        f"{file.path}: a plain list, one of several files, whose name says no part; "
        "name it like xsub_train.pkl or xsub_test.pkl"
    )


def _merge_samples(files: Sequence[AnnotationFile]) -> tuple[list[Annotation], list[Problem]]:
    samples: dict[str, Annotation] = {}
    origins: dict[str, Path] = {}
    problems: dict[str, Problem] = {}
    for file in files:
        for sample in file:
            name = sample.frame_dir
            if name in samples and not _same(samples[name], sample):
                problems[name] = Problem(
                    name,
                    f"{file.path}: sample {name!r} is not the same as in {origins[name]}; keep one of them",
                )
            samples.setdefault(name, sample)
            origins.setdefault(name, file.path)
    contradictory = set(problems)
    for file in files:
        # What one file lacks or has damaged another may have.
        for problem in file.problems:
            if problem.sample not in samples:
                problems.setdefault(problem.sample, problem)
    usable = [sample for name, sample in samples.items() if name not in contradictory]
    return usable, list(problems.values())


def _same(left: Annotation, right: Annotation) -> bool:
    return (
        (left.label, left.img_shape, left.total_frames) == (right.label, right.img_shape, right.total_frames)
        and np.array_equal(left.keypoint, right.keypoint, equal_nan=True)
        and np.array_equal(left.keypoint_score, right.keypoint_score, equal_nan=True)
    )
