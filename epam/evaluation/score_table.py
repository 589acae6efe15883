"""A split's scores keyed by sample id, in memory and as an ``.npz`` file that is hostile until checked."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from epam.atomic_file import write_atomically
from epam.errors import InputError, printable
from epam.file_signature import describe_placeholder

SAMPLES, LABELS = "samples", "labels"
"""Names of the two arrays beside those of the streams."""

_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Logits of many samples, each sample once.

    Attributes:
        samples: ids, N of them, no two equal.
        labels: (N,) int64.
        streams: (N, classes) float32 by stream, the one that stands for the network first; a table
            without samples may have none.

    Raises:
        InputError: parts that do not fit together, or scores that are not finite; names the sample.
    """

    samples: tuple[str, ...]
    labels: NDArray[np.int64]
    streams: Mapping[str, NDArray[np.float32]]

    def __post_init__(self) -> None:
        self._check_samples()
        for name, scores in self.streams.items():
            self._check_scores(name, scores)
        widths = {scores.shape[1] for scores in self.streams.values()}
        if len(widths) > 1:
            raise InputError(f"the streams have scores for {sorted(widths)} classes; give as many in each")
        for width in widths:
            self._check_labels(width)

    def __len__(self) -> int:
        return len(self.samples)

    def scores(self, stream: str) -> dict[str, NDArray[np.float32]]:
        """One stream's scores (classes,) by sample id, as :func:`epam.evaluation.evaluate` takes them."""
        return dict(zip(self.samples, self.streams[stream], strict=True))

    @property
    def label_of(self) -> dict[str, int]:
        """Labels by sample id, likewise."""
        return dict(zip(self.samples, self.labels.tolist(), strict=True))

    def save(self, path: Path) -> Path:
        """Write ``samples`` (N,) str, ``labels`` (N,) and one array a stream; whole or not at all.

        Raises:
            InputError: another ending than ``.npz``, or a file that cannot be written.
        """
        if path.suffix != ".npz":
            raise InputError(f"{path}: scores are written as .npz; choose such a name")
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {
            SAMPLES: np.array(self.samples, dtype=np.str_),
            LABELS: self.labels,
            **self.streams,
        }
        np.savez(buffer, **arrays)
        return write_atomically(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what :meth:`save` wrote, or another writer of the same arrays.

        Nothing in the file is executed, and no more memory is taken than it has bytes.

        Raises:
            InputError: missing, damaged or not a table of scores; one line that says which.
        """
        try:
            arrays = _read_arrays(path)
            samples, labels = _take(arrays, SAMPLES, "U", 1), _take(arrays, LABELS, "iu", 1)
            streams = {name: _take(arrays, name, "f", 2).astype(np.float32) for name in list(arrays)}
            if not streams:
                raise InputError("holds no scores of any stream")
            return cls(tuple(samples.tolist()), labels.astype(np.int64), streams)
        except FileNotFoundError:
            raise InputError(f"{path}: no such file of scores") from None
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from None
        # NumPy and zipfile meet damage as whatever they first stumble over.
        except (
            ValueError,
            KeyError,
            EOFError,
            zipfile.BadZipFile,
            NotImplementedError,
            RuntimeError,
        ) as error:
            reason = printable(str(error).partition("\n")[0])
            raise InputError(f"{path}: damaged, or not a table of scores ({reason})") from None

    def _check_samples(self) -> None:
        if self.labels.shape != (len(self.samples),):
            raise InputError(f"{len(self.samples)} samples and labels {self.labels.shape}; give one for each")
        if len(set(self.samples)) < len(self.samples):
            twice = next(name for name in self.samples if self.samples.count(name) > 1)
            raise InputError(f"sample {printable(twice)!r} occurs twice; each counts once")
        if self.samples and not self.streams:
            raise InputError(f"{len(self.samples)} samples without scores of any stream")

    def _check_scores(self, name: str, scores: NDArray[np.float32]) -> None:
        if scores.ndim != 2 or len(scores) != len(self.samples) or scores.shape[1] < 2:
            raise InputError(
                f"stream {printable(name)!r} has scores of shape {scores.shape}; give "
                f"({len(self.samples)}, classes), at least two classes"
            )
        wrong = np.flatnonzero(~np.isfinite(scores).all(axis=1))
        if len(wrong):
            raise InputError(
                f"sample {printable(self.samples[wrong[0]])!r} has scores that are NaN or infinite "
                f"(stream {printable(name)!r})"
            )

    def _check_labels(self, classes: int) -> None:
        wrong = np.flatnonzero((self.labels < 0) | (self.labels >= classes))
        if len(wrong):
            sample, label = printable(self.samples[wrong[0]]), self.labels[wrong[0]]
            raise InputError(f"sample {sample!r} has the label {label}, and scores for {classes} classes")


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    with path.open("rb") as file:
        if problem := describe_placeholder(file.read(512)):
            raise InputError(problem)
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        # np.savez never compresses; what is compressed, or listed twice, may unpack to any size.
        if sum(member.file_size for member in members) > size:
            raise InputError("is compressed, or declares more than the file has; save it with numpy.savez")
        return {member.filename.removesuffix(".npy"): _read_array(archive.read(member)) for member in members}


def _read_array(data: bytes) -> NDArray[Any]:
    """One ``.npy`` file, its declared size checked against its bytes before memory is taken."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version not in _HEADER_READERS:
        raise ValueError(f"version {version} of the .npy format")
    shape, fortran_order, dtype = _HEADER_READERS[version](stream)
    if dtype.kind not in "Uiuf" or fortran_order:
        raise ValueError(f"an array of {dtype}" + (", in Fortran order" if fortran_order else ""))
    if math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
        raise ValueError(f"an array that declares the shape {shape} of {dtype} and has other data")
    return np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape)


def _take(arrays: dict[str, NDArray[Any]], name: str, kinds: str, dimensions: int) -> NDArray[Any]:
    """Take one array out, if it is there and of that kind."""
    if name not in arrays:
        raise InputError(f"has no array {name!r}; it is not a table of scores")
    array = arrays.pop(name)
    if array.dtype.kind not in kinds or array.ndim != dimensions:
        raise InputError(f"array {printable(name)!r} is {array.dtype} of shape {array.shape}")
    return array
