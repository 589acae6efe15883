"""Skeleton annotations in the pyskl / MMAction2 layout: read safely, checked sample by sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import index as as_index
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from epam.data.safe_pickle import load_pickle
from epam.errors import AnnotationError, UnknownNameError

NUM_JOINTS = 17
"""Joints of a COCO skeleton, the one that the heatmaps are drawn from."""

_LARGEST_IMAGE_SIDE = 1 << 16
_LONGEST_NAME = 255


@dataclass(frozen=True, eq=False)
class Annotation:
    """One video's skeletons; the field names are those of the pyskl / MMAction2 files.

    ``from_mapping`` checks all of what is said here; the plain constructor trusts its caller.

    Attributes:
        frame_dir: the sample's id, such as ``S001C001P001R001A001``; a plain file name.
        label: class index, from 0.
        img_shape: (height, width) of the coordinate frame of ``keypoint``, in pixels.
        total_frames: frames of the video, and of ``keypoint``.
        keypoint: (persons, frames, 17, 2), x and y in pixels, dtype and byte order as stored; an
            absent person is all zero; may hold NaN, which the published pipeline takes for zero,
            and infinities.
        keypoint_score: (persons, frames, 17), confidence; ones where the file has none.
    """

    frame_dir: str
    label: int
    img_shape: tuple[int, int]
    total_frames: int
    keypoint: NDArray[np.floating[Any]]
    keypoint_score: NDArray[np.floating[Any]]

    @property
    def has_person(self) -> bool:
        """Whether any joint of any frame has a position (not zero, not NaN) and a positive score."""
        placed = (np.abs(self.keypoint) > 0).any(axis=-1)
        return bool((placed & (self.keypoint_score > 0)).any())

    @classmethod
    def from_mapping(cls, fields: Mapping[str, object], *, origin: str = "annotation") -> Annotation:
        """Check one sample of an annotation file.

        Args:
            fields: at least ``frame_dir`` (or ``filename``, which is followed where both are),
                ``label``, ``img_shape``, ``total_frames`` and ``keypoint``; others are ignored.
            origin: where the sample comes from, for messages; usually the file.

        Raises:
            AnnotationError: a field is missing or wrong; names origin, sample, field, value and fix.
        """
        name = _sample_name(fields, origin)
        check = _SampleCheck(fields, f"{origin}: sample {name!r}")
        keypoint = check.keypoint()
        return cls(
            frame_dir=name,
            label=check.integer("label", at_least=0),
            img_shape=check.image_shape(),
            total_frames=check.total_frames(keypoint),
            keypoint=keypoint,
            keypoint_score=check.scores(keypoint),
        )


class Problem(NamedTuple):
    """A sample that cannot be used, and the line that says why."""

    sample: str
    message: str


class AnnotationFile(Sequence[Annotation]):
    """The usable samples of a file, in its order, and what is wrong with the others.

    Attributes:
        path: the file.
        splits: sample ids by split name, each once, in the file's order, unusable ones included;
            empty for a plain list.
        problems: the samples left out: malformed ones, ids that occur more than once (all their
            entries), and ids that a split names and the file does not hold.
    """

    def __init__(
        self,
        path: Path,
        annotations: Sequence[Annotation],
        *,
        splits: Mapping[str, tuple[str, ...]] | None = None,
        problems: Sequence[Problem] = (),
    ) -> None:
        self.path = path
        self.splits: Mapping[str, tuple[str, ...]] = MappingProxyType(dict(splits or {}))
        self.problems = tuple(problems)
        self._annotations = tuple(annotations)
        self._by_name = {annotation.frame_dir: annotation for annotation in self._annotations}
        self._problem_of = {problem.sample: problem.message for problem in self.problems}

    def __len__(self) -> int:
        return len(self._annotations)

    @overload
    def __getitem__(self, position: int) -> Annotation: ...
    @overload
    def __getitem__(self, position: slice) -> tuple[Annotation, ...]: ...
    def __getitem__(self, position: int | slice) -> Annotation | tuple[Annotation, ...]:
        return self._annotations[position]

    def __repr__(self) -> str:
        return f"AnnotationFile({str(self.path)!r}, {len(self)} samples, {len(self.problems)} problems)"

    def find(self, frame_dir: str) -> Annotation:
        """The sample of this id.

        Raises:
            AnnotationError: the file has it, but it cannot be used.
            UnknownNameError: the file does not have it; lists the nearest ids.
        """
        if frame_dir in self._by_name:
            return self._by_name[frame_dir]
        if frame_dir in self._problem_of:
            raise AnnotationError(self._problem_of[frame_dir])
        raise UnknownNameError(f"sample of {self.path}", frame_dir, self._by_name)

    def split(self, name: str) -> list[Annotation]:
        """The usable samples of a split, in the split's order, each once.

        Those left out are ``problems`` whose sample is in ``splits[name]``.

        Raises:
            UnknownNameError: no such split; lists the nearest, or says that the file has none.
        """
        if name not in self.splits:
            raise UnknownNameError(f"split of {self.path}", name, self.splits or ["none, it is a plain list"])
        return [self._by_name[sample] for sample in self.splits[name] if sample in self._by_name]


def load_annotations(path: str | Path) -> AnnotationFile:
    """Read an annotation pickle: the v1 container (``split`` and ``annotations``) or a plain list.

    One bad sample does not sink the file: it becomes one of ``problems``. A file that is built
    wrongly, or has no usable sample at all, does.

    Args:
        path: the ``.pkl``; nothing in it is executed.

    Raises:
        AnnotationError: the file cannot be read (see ``load_pickle``), is not an annotation file,
            or every one of its samples is unusable.
    """
    path = Path(path)
    content = load_pickle(path)
    entries = _entries(content, path)
    splits = _splits(content, path) if isinstance(content, dict) else {}
    annotations, problems = _check_entries(entries, path)
    if not annotations:
        count = f" (so are all {len(entries)} samples of the file)" if len(entries) > 1 else ""
        raise AnnotationError(f"{problems[0].message}{count}")
    known = {annotation.frame_dir for annotation in annotations} | {problem.sample for problem in problems}
    problems += _missing_from_file(splits, known, path)
    return AnnotationFile(path, annotations, splits=splits, problems=problems)


def _entries(content: object, path: Path) -> list[object]:
    if isinstance(content, dict):
        if "annotations" not in content:
            keys = ", ".join(map(_brief, list(content)[:6])) or "none"
            raise AnnotationError(f"{path}: holds a dict without 'annotations' (its keys: {keys}); {_WANTED}")
        content = content["annotations"]
    if not isinstance(content, list):
        raise AnnotationError(f"{path}: holds a {type(content).__name__} in place of the samples; {_WANTED}")
    if not content:
        raise AnnotationError(f"{path}: holds no annotations; {_WANTED}")
    return content


_WANTED = "give a dict with 'split' and 'annotations', or a list of samples"


def _splits(content: dict[str, object], path: Path) -> dict[str, tuple[str, ...]]:
    splits = content.get("split", {})
    if not isinstance(splits, dict):
        raise AnnotationError(
            f"{path}: 'split' is a {type(splits).__name__}; give a dict from split name to sample ids"
        )
    return {name: _split_samples(name, samples, path) for name, samples in splits.items()}


def _split_samples(name: str, samples: object, path: Path) -> tuple[str, ...]:
    if not isinstance(samples, list | tuple) or not all(isinstance(sample, str) for sample in samples):
        raise AnnotationError(
            f"{path}: split {_brief(name)} is not a list of sample ids; give a list of text"
        )
    # An id that no sample can have is kept in a form that prints safely: it becomes a problem.
    return tuple(dict.fromkeys(sample if _is_plain_name(sample) else _brief(sample) for sample in samples))


def _check_entries(entries: list[object], path: Path) -> tuple[list[Annotation], list[Problem]]:
    """Sort the entries into usable ones and problems; a repeated id is no evidence for either entry."""
    annotations: list[Annotation] = []
    problems: list[Problem] = []
    for number, entry in enumerate(entries):
        label = f"entry {number}"
        try:
            if not isinstance(entry, dict):
                raise AnnotationError(f"{path}: {label} is a {type(entry).__name__}; each sample is a dict")
            annotation = Annotation.from_mapping(entry, origin=f"{path}, {label}")
        except AnnotationError as error:
            problems.append(Problem(_raw_name(entry) or label, str(error)))
        else:
            annotations.append(annotation)
    counts = Counter([annotation.frame_dir for annotation in annotations])
    counts.update({problem.sample for problem in problems})
    repeated = [name for name, count in counts.items() if count > 1]
    problems += [_repetition(name, path) for name in repeated]
    return [annotation for annotation in annotations if counts[annotation.frame_dir] == 1], problems


def _repetition(name: str, path: Path) -> Problem:
    return Problem(name, f"{path}: sample {name!r} occurs more than once; keep one entry for each id")


def _missing_from_file(splits: Mapping[str, tuple[str, ...]], known: set[str], path: Path) -> list[Problem]:
    missing: dict[str, str] = {}
    for split, samples in splits.items():
        for sample in samples:
            if sample not in known:
                missing.setdefault(sample, split)
    return [
        Problem(
            sample,
            f"{path}: sample {_brief(sample)} is named by split {_brief(split)} but has no annotation; "
            "take it off the split, or add it",
        )
        for sample, split in missing.items()
    ]


# --- One sample -------------------------------------------------------------------------------------


def _raw_name(entry: object) -> str | None:
    if not isinstance(entry, Mapping):
        return None
    name = entry.get(_name_field(entry))
    return name if isinstance(name, str) and _is_plain_name(name) else None


def _name_field(fields: Mapping[str, object]) -> str:
    """Which field names the sample: ``filename`` comes before ``frame_dir`` where both are, as published."""
    return "filename" if "filename" in fields else "frame_dir"


def _is_plain_name(name: str) -> bool:
    """Whether the name, joined to a folder, stays inside it on any system, and prints as one line."""
    if not 0 < len(name) <= _LONGEST_NAME or name in (".", ".."):
        return False
    # Windows' separators and drive letters count everywhere: the same files are used there.
    return name.isprintable() and not any(character in name for character in "/\\:")


def _sample_name(fields: Mapping[str, object], origin: str) -> str:
    key = _name_field(fields)
    if key not in fields:
        raise AnnotationError(f"{origin}: a sample has no 'frame_dir'; give each sample its id")
    name = fields[key]
    if not isinstance(name, str) or not _is_plain_name(name):
        raise AnnotationError(
            f"{origin}: {key} is {_brief(name)}; give a plain name of up to {_LONGEST_NAME} characters, "
            "without folders"
        )
    return name


def _brief(value: object) -> str:
    """A value on one short line of plain ASCII, whatever it holds."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and type {value.dtype}"
    if isinstance(value, str):
        return ascii(value) if len(value) <= 60 else ascii(value[:57]) + "..."
    return str(value) if isinstance(value, int | float | None) else f"a {type(value).__name__}"


class _SampleCheck:
    """Takes one sample's fields out of a mapping, or says what is wrong with them."""

    def __init__(self, fields: Mapping[str, object], where: str) -> None:
        self.fields = fields
        self.where = where

    def fail(self, field: str, problem: str, fix: str) -> AnnotationError:
        return AnnotationError(f"{self.where}: {field} {problem}; {fix}")

    def take(self, field: str) -> object:
        if field not in self.fields:
            raise self.fail(field, "is missing", "give a 2-D annotation in the pyskl / MMAction2 layout")
        return self.fields[field]

    def integer(self, field: str, *, at_least: int) -> int:
        value = self.take(field)
        number = _as_integer(value)
        if number is None or number < at_least:
            raise self.fail(field, f"is {_brief(value)}", f"give an integer of at least {at_least}")
        return number

    def keypoint(self) -> NDArray[np.floating[Any]]:
        keypoint = self.take("keypoint")
        if not isinstance(keypoint, np.ndarray):
            raise self.fail(
                "keypoint", f"is {_brief(keypoint)}", "give a NumPy array (persons, frames, 17, 2)"
            )
        if keypoint.ndim != 4 or keypoint.shape[2:] != (NUM_JOINTS, 2) or keypoint.shape[1] < 1:
            raise self._wrong_shape(keypoint.shape)
        return self._floating("keypoint", keypoint)

    def _wrong_shape(self, shape: tuple[int, ...]) -> AnnotationError:
        if len(shape) == 4 and shape[2:] in ((25, 3), (25, 2)):
            return self.fail(
                "keypoint",
                f"has shape {shape}: a Kinect skeleton of 25 joints",
                "give the 2-D file of 17 COCO joints (such as ntu60_2d.pkl, not ntu60_3d.pkl)",
            )
        if len(shape) == 4 and shape[2:] == (NUM_JOINTS, 3):
            return self.fail("keypoint", f"has shape {shape}", "put the third number into keypoint_score")
        return self.fail("keypoint", f"has shape {shape}", "give (persons, frames, 17, 2), COCO joints")

    def scores(self, keypoint: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        shape = keypoint.shape[:3]
        scores = self.fields.get("keypoint_score")
        if scores is None:
            # One number seen from everywhere: a file without scores costs no memory for them.
            return np.broadcast_to(np.ones((), dtype=np.float32), shape)
        if not isinstance(scores, np.ndarray) or scores.shape != shape:
            raise self.fail("keypoint_score", f"is {_brief(scores)}", f"give an array of shape {shape}")
        return self._floating("keypoint_score", scores)

    def _floating(self, field: str, values: NDArray[Any]) -> NDArray[np.floating[Any]]:
        if values.dtype.kind != "f":
            raise self.fail(field, f"is of type {values.dtype}", "save it as float16, float32 or float64")
        return values

    def image_shape(self) -> tuple[int, int]:
        value = self.take("img_shape")
        sides = _short_tuple(value)
        numbers = [number for number in map(_as_integer, sides) if number is not None]
        if (
            len(sides) != 2
            or len(numbers) != 2
            or not all(0 < side <= _LARGEST_IMAGE_SIDE for side in numbers)
        ):
            shown = f"({', '.join(map(_brief, sides))})" if sides else _brief(value)
            raise self.fail("img_shape", f"is {shown}", "give (height, width) in pixels, two integers")
        return numbers[0], numbers[1]

    def total_frames(self, keypoint: NDArray[np.floating[Any]]) -> int:
        frames = self.integer("total_frames", at_least=1)
        if frames != keypoint.shape[1]:
            raise self.fail(
                "total_frames",
                f"is {frames} but keypoint has {keypoint.shape[1]} frames",
                "annotate every frame of the video",
            )
        return frames


def _short_tuple(value: object) -> tuple[object, ...]:
    """The items of a short sequence; of anything else none: a long one may be every sample's."""
    if isinstance(value, np.ndarray):
        return tuple(value) if value.ndim == 1 and len(value) <= 4 else ()
    return tuple(value) if isinstance(value, list | tuple) and len(value) <= 4 else ()


def _as_integer(value: object) -> int | None:
    """An int of Python or NumPy, or none; True is no number here."""
    if isinstance(value, bool | np.bool_):
        return None
    try:
        return as_index(value)  # type: ignore[arg-type]
    except TypeError:
        return None
