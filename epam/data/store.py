"""Skeletons of many samples in two flat arrays, mapped from the disk, so that loader workers share them."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from epam.atomic_file import atomic_path, write_atomically
from epam.data.annotations import NUM_JOINTS, Annotation, Problem
from epam.errors import AnnotationError, InputError, UnknownNameError, printable

FORMAT_VERSION = 1
INDEX_FILE = "index.json"
_ARRAYS = ("keypoint", "keypoint_score")
_HASH_CHUNK = 1 << 20
_HASH_LETTERS = 16
_FIX = "prepare it again with epam-data prepare (or epam-data synth)"

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A file that a store was made from; name without folders, so that no machine's paths are kept."""

    name: str
    sha256: str
    size_bytes: int

    @classmethod
    def of(cls, path: Path) -> SourceFile:
        """Read the whole file and remember what it was.

        Raises:
            InputError: it cannot be read.
        """
        return cls(name=path.name, sha256=hash_file(path), size_bytes=path.stat().st_size)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal.

    Raises:
        InputError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_HASH_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    return digest.hexdigest()


@dataclass(frozen=True, eq=False, kw_only=True)
class _Columns:
    """One row a sample, in NumPy arrays: a forked worker that reads them copies nothing."""

    names: NDArray[np.str_]
    labels: NDArray[np.int64]
    heights: NDArray[np.int64]
    widths: NDArray[np.int64]
    total_frames: NDArray[np.int64]
    persons: NDArray[np.int64]

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where each sample's skeletons begin; one more entry says how many there are."""
        return np.concatenate([[0], np.cumsum(self.persons * self.total_frames)]).astype(np.int64)


class SkeletonStore:
    """Many samples' skeletons, in memory when packed, mapped from a folder when opened.

    ::

        folder/index.json                      names, labels, sizes, splits, problems, sources
        folder/keypoint-<sha256>.npy           (skeletons, 17, 2), all samples' one after another
        folder/keypoint_score-<sha256>.npy     (skeletons, 17)

    A sample's skeletons are its persons', each frame by frame. The arrays are named by their
    content and the index, written last, names them: a folder that is written anew while others
    read it stays whole for both.

    Attributes:
        folder: where it was opened from; none when packed.
        dataset: name of the data set it was prepared for; none when it was not said.
        names: ids, an array of text; ``str(store.names[i])`` or ``store.name(i)`` is plain text.
        labels: class indices, int64.
        img_h: heights of the coordinate frames, pixels.
        img_w: widths of the coordinate frames, pixels.
        total_frames: frames of each video.
        persons: persons of each sample.
        offsets: first skeleton of each sample in the flat arrays, and the end.
        problems: samples that could not be used when the store was made.
        sources: the files it was made from.
        index_sha256: of the index's content; none when packed.
    """

    def __init__(
        self,
        columns: _Columns,
        keypoint: Floats,
        keypoint_score: Floats,
        *,
        splits: Mapping[str, NDArray[np.str_]],
        problems: Sequence[Problem] = (),
        dataset: str | None = None,
        sources: Sequence[SourceFile] = (),
        folder: Path | None = None,
        index_sha256: str | None = None,
    ) -> None:
        self.names, self.labels = columns.names, columns.labels
        self.img_h, self.img_w = columns.heights, columns.widths
        self.total_frames, self.persons = columns.total_frames, columns.persons
        self.offsets = columns.offsets
        self.problems = tuple(problems)
        self.dataset = dataset
        self.sources = tuple(sources)
        self.folder = folder
        self.index_sha256 = index_sha256
        self._keypoint, self._keypoint_score = keypoint, keypoint_score
        self._splits = dict(splits)
        self._order = np.argsort(columns.names)

    # --- Making one ---------------------------------------------------------------------------------

    @classmethod
    def pack(
        cls,
        annotations: Iterable[Annotation],
        splits: Mapping[str, Sequence[str]] = MappingProxyType({}),
        problems: Sequence[Problem] = (),
    ) -> SkeletonStore:
        """Copy annotations into flat arrays in memory.

        Args:
            annotations: checked ones; the values keep their precision (the widest that occurs).
            splits: sample ids by split name; an id that a split repeats counts once.
            problems: samples that are known and cannot be used.

        Raises:
            InputError: an id occurs twice.
        """
        samples = list(annotations)
        columns = _columns_of(samples)
        _refuse_repetition(columns.names)
        skeletons = int(columns.offsets[-1])
        keypoint = np.empty((skeletons, NUM_JOINTS, 2), _common_dtype([s.keypoint for s in samples]))
        score = np.empty((skeletons, NUM_JOINTS), _common_dtype([s.keypoint_score for s in samples]))
        for sample, start, end in zip(samples, columns.offsets, columns.offsets[1:], strict=False):
            keypoint[start:end] = sample.keypoint.reshape(-1, NUM_JOINTS, 2)
            score[start:end] = sample.keypoint_score.reshape(-1, NUM_JOINTS)
        unique = {str(name): _text_array(dict.fromkeys(members)) for name, members in splits.items()}
        return cls(columns, keypoint, score, splits=unique, problems=problems)

    def write(self, folder: Path, *, dataset: str | None, sources: Sequence[SourceFile] = ()) -> None:
        """Write the store into a folder, where it appears whole or not at all.

        A store that is there already is replaced at once; those who read it go on with the old one.

        Raises:
            InputError: it cannot be written; an old one is as it was.
        """
        arrays = dict(zip(_ARRAYS, (self._keypoint, self._keypoint_score), strict=True))
        try:
            files = {name: _write_array(folder, name, array) for name, array in arrays.items()}
        except OSError as error:
            raise InputError(
                f"{folder}: the store cannot be written ({error.strerror}); free some disk or choose "
                "another folder"
            ) from None
        content = self._index(files, dataset=dataset, sources=sources)
        text = f'{{"sha256": "{_hash_index(content)}", "index": {_canonical(content)}}}\n'
        write_atomically(folder / INDEX_FILE, text)
        _remove_old_arrays(folder, keep={file["file"] for file in files.values()})

    def _index(
        self, files: Mapping[str, Any], *, dataset: str | None, sources: Sequence[SourceFile]
    ) -> dict[str, Any]:
        return {
            "version": FORMAT_VERSION,
            "dataset": dataset,
            "sources": [asdict(source) for source in sources],
            "arrays": dict(files),
            "names": self.names.tolist(),
            "labels": self.labels.tolist(),
            "heights": self.img_h.tolist(),
            "widths": self.img_w.tolist(),
            "total_frames": self.total_frames.tolist(),
            "persons": self.persons.tolist(),
            "splits": {name: members.tolist() for name, members in self._splits.items()},
            "problems": [list(problem) for problem in self.problems],
        }

    # --- Opening one --------------------------------------------------------------------------------

    @classmethod
    def open(cls, folder: str | Path) -> SkeletonStore:
        """Map a store that ``write`` wrote; the index is checked, the arrays' values are not read.

        Raises:
            AnnotationError: no store, another version, or one whose parts do not belong together.
        """
        folder = Path(folder)
        try:
            return cls._open_once(folder)
        except FileNotFoundError:
            pass
        # Somebody wrote the folder anew between our reading of the index and of the arrays.
        try:
            return cls._open_once(folder)
        except FileNotFoundError as error:
            name = printable(Path(error.filename).name)
            raise AnnotationError(f"{folder}: the store's {name} is missing; {_FIX}") from None

    @classmethod
    def _open_once(cls, folder: Path) -> SkeletonStore:
        index, index_sha256 = _read_index(folder)
        columns = _Columns(
            names=_text_array(index.names),
            labels=np.array(index.labels, dtype=np.int64),
            heights=np.array(index.heights, dtype=np.int64),
            widths=np.array(index.widths, dtype=np.int64),
            total_frames=np.array(index.total_frames, dtype=np.int64),
            persons=np.array(index.persons, dtype=np.int64),
        )
        _check_columns(index, columns, folder)
        return cls(
            columns,
            _map_array(folder, index.arrays.keypoint, (NUM_JOINTS, 2)),
            _map_array(folder, index.arrays.keypoint_score, (NUM_JOINTS,)),
            splits={
                _one_line(name): _text_array(dict.fromkeys(map(_one_line, ids)))
                for name, ids in index.splits.items()
            },
            problems=[Problem(_one_line(sample), _one_line(text)) for sample, text in index.problems],
            dataset=index.dataset,
            sources=[SourceFile(**source.model_dump()) for source in index.sources],
            folder=folder,
            index_sha256=index_sha256,
        )

    def verify(self) -> None:
        """Read all of an opened store's arrays and compare them with their sha256; packed ones are right.

        Raises:
            AnnotationError: an array's file is not what was written.
        """
        if self.folder is None:
            return
        index, _ = _read_index(self.folder)
        for file in (index.arrays.keypoint, index.arrays.keypoint_score):
            if hash_file(self.folder / file.file) != file.sha256:
                raise AnnotationError(f"{self.folder / file.file}: is damaged (its sha256 differs); {_FIX}")

    # --- Reading it ---------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        place = "in memory" if self.folder is None else str(self.folder)
        return f"SkeletonStore({place}, {len(self)} samples, {len(self.problems)} problems)"

    def __reduce__(self) -> tuple[Callable[..., SkeletonStore], tuple[Any, ...]]:
        if self.folder is None:
            return _restore, (self.__dict__,)
        return _reopen, (self.folder, self.index_sha256)

    @property
    def splits(self) -> Mapping[str, tuple[str, ...]]:
        """Sample ids by split name, each once, unusable ones included; built anew at each call."""
        return MappingProxyType({name: tuple(ids.tolist()) for name, ids in self._splits.items()})

    def name(self, row: int) -> str:
        """The sample's id, as plain text."""
        return str(self.names[row])

    def annotation(self, row: int) -> Annotation:
        """One sample; its arrays are read-only views when the store is mapped."""
        start, end = self.offsets[row], self.offsets[row + 1]
        frames, persons = int(self.total_frames[row]), int(self.persons[row])
        return Annotation(
            frame_dir=self.name(row),
            label=int(self.labels[row]),
            img_shape=(int(self.img_h[row]), int(self.img_w[row])),
            total_frames=frames,
            keypoint=self._keypoint[start:end].reshape(persons, frames, NUM_JOINTS, 2),
            keypoint_score=self._keypoint_score[start:end].reshape(persons, frames, NUM_JOINTS),
        )

    def find(self, name: str) -> int:
        """The row of this id.

        Raises:
            AnnotationError: the sample is known, but it cannot be used.
            UnknownNameError: it is not known; lists the nearest ids.
        """
        row = int(self.find_rows([name])[0])
        if row >= 0:
            return row
        for problem in self.problems:
            if problem.sample == name:
                raise AnnotationError(problem.message)
        raise UnknownNameError("sample of the store", printable(name), self.names.tolist())

    def find_rows(self, names: Sequence[str]) -> NDArray[np.int64]:
        """The rows of these ids, in their order; -1 for each that the store has no usable sample of."""
        wanted = _text_array(names)
        if not len(self):
            return np.full(len(wanted), -1)
        places = np.searchsorted(self.names, wanted, sorter=self._order)
        rows = self._order[np.minimum(places, len(self) - 1)]
        return np.where(self.names[rows] == wanted, rows, -1).astype(np.int64)


def _restore(state: dict[str, Any]) -> SkeletonStore:
    store = SkeletonStore.__new__(SkeletonStore)
    store.__dict__.update(state)
    return store


def _reopen(folder: Path, index_sha256: str) -> SkeletonStore:
    """Open the same store in a worker, and no other that was written in its place meanwhile."""
    store = SkeletonStore.open(folder)
    if store.index_sha256 != index_sha256:
        raise AnnotationError(f"{folder}: the store was written anew while it was in use; start again")
    return store


# --- Packing and writing ----------------------------------------------------------------------------


def _text_array(names: Iterable[str]) -> NDArray[np.str_]:
    return np.array([str(name) for name in names], dtype=np.str_)


def _columns_of(samples: Sequence[Annotation]) -> _Columns:
    def integers(values: Iterable[int]) -> NDArray[np.int64]:
        return np.fromiter(values, dtype=np.int64, count=len(samples))

    return _Columns(
        names=_text_array(sample.frame_dir for sample in samples),
        labels=integers(sample.label for sample in samples),
        heights=integers(sample.img_shape[0] for sample in samples),
        widths=integers(sample.img_shape[1] for sample in samples),
        total_frames=integers(sample.total_frames for sample in samples),
        persons=integers(len(sample.keypoint) for sample in samples),
    )


def _refuse_repetition(names: NDArray[np.str_]) -> None:
    unique, counts = np.unique(names, return_counts=True)
    if (counts > 1).any():
        name = printable(str(unique[counts > 1][0]))
        raise InputError(f"sample {name} is given more than once; keep one annotation for each id")


def _common_dtype(arrays: Sequence[Floats]) -> np.dtype[Any]:
    """The narrowest type that holds every value exactly; little-endian, whatever the files used."""
    # Scores that a file does not have are one number seen from everywhere: it fits any type.
    dtypes = {array.dtype for array in arrays if any(array.strides)}
    return np.result_type(np.float16, *dtypes).newbyteorder("<")


def _npy_header(array: Floats) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(array))
    return header.getvalue()


def _write_array(folder: Path, name: str, array: Floats) -> dict[str, Any]:
    """Write one array under a name made of its content; returns what the index says of it."""
    array = np.ascontiguousarray(array)
    header = _npy_header(array)
    digest = hashlib.sha256(header)
    digest.update(array.data.cast("B") if array.size else b"")
    sha256 = digest.hexdigest()
    path = folder / f"{name}-{sha256[:_HASH_LETTERS]}.npy"
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(header)
        file.write(array.data.cast("B") if array.size else b"")
    return {"file": path.name, "dtype": array.dtype.name, "skeletons": len(array), "sha256": sha256}


def _remove_old_arrays(folder: Path, *, keep: set[str]) -> None:
    for name in _ARRAYS:
        for path in folder.glob(f"{name}-{'?' * _HASH_LETTERS}.npy"):
            if path.name not in keep:
                # A system that does not let go of a mapped file keeps it; it does no harm.
                with suppress(OSError):
                    path.unlink()


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def _hash_index(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(content).encode()).hexdigest()


# --- Reading and checking: a store comes from outside -----------------------------------------------

_Text = Annotated[str, Field(max_length=4096)]
_Count = Annotated[int, Field(ge=0, lt=1 << 31)]
_Side = Annotated[int, Field(gt=0, le=1 << 16)]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _SourceEntry(_Checked):
    name: _Text
    sha256: _Sha256
    size_bytes: Annotated[int, Field(ge=0)]


class _ArrayEntry(_Checked):
    file: Annotated[str, Field(pattern=r"^keypoint(_score)?-[0-9a-f]{16}\.npy$")]
    dtype: Literal["float16", "float32", "float64"]
    skeletons: Annotated[int, Field(ge=0)]
    sha256: _Sha256


class _ArrayEntries(_Checked):
    keypoint: _ArrayEntry
    keypoint_score: _ArrayEntry


class _Index(_Checked):
    version: int
    dataset: _Text | None
    sources: list[_SourceEntry]
    arrays: _ArrayEntries
    names: list[_Text]
    labels: list[_Count]
    heights: list[_Side]
    widths: list[_Side]
    total_frames: list[Annotated[int, Field(ge=1, lt=1 << 31)]]
    persons: list[Annotated[int, Field(ge=0, lt=1 << 16)]]
    splits: dict[_Text, list[_Text]]
    problems: list[Annotated[list[_Text], Field(min_length=2, max_length=2)]]


def _read_index(folder: Path) -> tuple[_Index, str]:
    """Read the index, and check its sum, version and types; returns it and its sha256."""
    path = folder / INDEX_FILE
    try:
        content = json.loads(path.read_bytes())
        sha256, index = content["sha256"], content["index"]
        version = index["version"]
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read ({error.strerror}); {_FIX}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise AnnotationError(f"{path}: is not a store's index, or a damaged one; {_FIX}") from None
    if version != FORMAT_VERSION:
        raise AnnotationError(
            f"{path}: is of format version {printable(str(version))}, this release reads "
            f"{FORMAT_VERSION}; {_FIX}"
        )
    if _hash_index(index) != sha256:
        raise AnnotationError(f"{path}: is damaged (its sha256 differs); {_FIX}")
    try:
        return _Index.model_validate(index), sha256
    except ValidationError as error:
        first = error.errors()[0]
        field = printable(".".join(map(str, first["loc"])))
        raise AnnotationError(f"{path}: {field}: {first['msg']}; {_FIX}") from None


def _check_columns(index: _Index, columns: _Columns, folder: Path) -> None:
    def refuse(problem: str) -> AnnotationError:
        return AnnotationError(f"{folder / INDEX_FILE}: {problem}; {_FIX}")

    lengths = {len(column) for column in vars(columns).values()}
    if len(lengths) != 1:
        raise refuse(f"its columns have different lengths ({', '.join(map(str, sorted(lengths)))})")
    for name in index.names:
        if not is_plain_name(name):
            raise refuse(f"sample {printable(ascii(name))} is no plain file name")
    if len(np.unique(columns.names)) != len(columns.names):
        raise refuse("a sample occurs twice")
    # Python's integers: NumPy's would wrap round at a hostile count.
    skeletons = sum(p * t for p, t in zip(index.persons, index.total_frames, strict=True))
    for entry in (index.arrays.keypoint, index.arrays.keypoint_score):
        if entry.skeletons != skeletons:
            raise refuse(f"{entry.file} has {entry.skeletons} skeletons, its samples {skeletons}")


def is_plain_name(name: str) -> bool:
    """Whether a sample's name, joined to a folder, stays inside it on any system, and prints as one line."""
    if not 0 < len(name) <= 255 or name in (".", ".."):
        return False
    return name.isprintable() and not any(character in name for character in "/\\:")


def _one_line(text: str) -> str:
    return text if text.isprintable() else ascii(text)[1:-1]


def _map_array(folder: Path, entry: _ArrayEntry, shape_of_one: tuple[int, ...]) -> Floats:
    path, shape = folder / entry.file, (entry.skeletons, *shape_of_one)
    if not os.path.lexists(path):
        raise FileNotFoundError(2, "missing", str(path))
    try:
        # A mapping of nothing is refused by the system: an array without skeletons is read.
        array = np.load(path, mmap_mode="r" if shape[0] else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise AnnotationError(f"{path}: is not the array that was written ({error}); {_FIX}") from None
    expected = np.dtype(entry.dtype).newbyteorder("<")
    if array.shape != shape or array.dtype != expected or not array.flags.c_contiguous:
        raise AnnotationError(
            f"{path}: is an array {array.shape} of {array.dtype}, its index says {shape} of "
            f"{expected}; {_FIX}"
        )
    return np.asarray(array)
