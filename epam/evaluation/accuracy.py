"""Accuracy from scores keyed by sample id: top-1, top-5 and mean class accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from operator import index as as_index
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics.functional.classification import multiclass_confusion_matrix, multiclass_stat_scores

from epam.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """What a set of predictions is worth; each figure is a share, 0 to 1, rounded once, to a double.

    Attributes:
        samples: how many were evaluated.
        top1: samples whose best class is the label.
        top5: samples whose label is among the five best classes (of fewer than five: among all).
        mean_class_accuracy: mean, over the classes that occur in predictions *or* labels, of the share
            of the class's samples predicted right, 0 for one that is only predicted. This is the
            published evaluation's definition, and the figure quoted for Toyota Smarthome.
        mean_class_accuracy_present: the usual definition: the mean over the classes that occur in
            the labels. Equal to the other when every class does.
    """

    samples: int
    top1: float
    top5: float
    mean_class_accuracy: float
    mean_class_accuracy_present: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Tally:
    """Predictions counted; every figure follows from these.

    Attributes:
        confusion: (classes, classes) int64, samples by label (row) and best class (column).
        top5_hits: samples whose label is among the five best classes (of fewer than five: among all).
    """

    confusion: NDArray[np.int64]
    top5_hits: int

    @property
    def samples(self) -> int:
        """All of them."""
        return int(self.confusion.sum())

    @property
    def class_samples(self) -> NDArray[np.int64]:
        """(classes,) samples by label."""
        return self.confusion.sum(axis=1)

    @property
    def class_hits(self) -> NDArray[np.int64]:
        """(classes,) samples by label, those predicted right alone."""
        return self.confusion.diagonal()

    @property
    def top1_hits(self) -> int:
        """Samples whose best class is the label."""
        return int(self.class_hits.sum())

    @property
    def accuracy(self) -> Accuracy:
        """The shares that these counts make."""
        occurs = self.class_samples > 0
        return Accuracy(
            samples=self.samples,
            top1=self.top1_hits / self.samples,
            top5=self.top5_hits / self.samples,
            mean_class_accuracy=self._mean_share(occurs | (self.confusion.sum(axis=0) > 0)),
            mean_class_accuracy_present=self._mean_share(occurs),
        )

    def _mean_share(self, counted: NDArray[np.bool_]) -> float:
        """Mean of hits / samples over the classes counted, 0 for a class without samples."""
        # Exact ratios, not floating-point averages of them: 1/3 stays 1/3.
        pairs = zip(self.class_hits[counted].tolist(), self.class_samples[counted].tolist(), strict=True)
        shares = [Fraction(hits, samples) if samples else Fraction() for hits, samples in pairs]
        return float(sum(shares, Fraction()) / len(shares))


def evaluate(scores: Mapping[str, NDArray[Any] | Tensor], labels: Mapping[str, int]) -> Accuracy:
    """Compare every sample's scores with its label, each sample once.

    Of classes with equal scores the one with the lower index counts as the better, so the result
    does not depend on the order of samples, on batches or on the device.

    Args:
        scores: (classes,) logits or probabilities by sample id, the same number for all, at least two.
        labels: class index by sample id, for exactly the samples of ``scores``.

    Raises:
        InputError: nothing to evaluate, ids that differ, a label without a score of its own, or
            scores of another shape, not numbers or not finite; names the sample.
    """
    return tally(scores, labels).accuracy


def tally(scores: Mapping[str, NDArray[Any] | Tensor], labels: Mapping[str, int]) -> Tally:
    """Count hits and confusions; takes and refuses what :func:`evaluate` does."""
    ranked, target = _rank_classes(scores, labels)
    confusion = multiclass_confusion_matrix(ranked, target, ranked.shape[1])
    return Tally(confusion=confusion.numpy(), top5_hits=_count_within(ranked, target, 5))


def find_hits(scores: Mapping[str, NDArray[Any] | Tensor], labels: Mapping[str, int]) -> dict[str, bool]:
    """Tell of every sample whether its best class is the label; as :func:`evaluate` does it."""
    ranked, target = _rank_classes(scores, labels)
    return dict(zip(scores, (ranked.argmax(dim=1) == target).tolist(), strict=True))


def _rank_classes(
    scores: Mapping[str, NDArray[Any] | Tensor], labels: Mapping[str, int]
) -> tuple[Tensor, Tensor]:
    """Ranks (N, classes) without ties, the best class's the highest, and labels (N,)."""
    _check_samples(scores, labels)
    names = list(scores)
    table = _score_table(scores, names)
    target = torch.tensor([_label(name, labels[name], table.shape[1]) for name in names])
    return _without_ties(torch.from_numpy(table)), target


def _without_ties(table: Tensor) -> Tensor:
    """The same order of classes in every row, as distinct numbers: ``(N, K) → (N, K)``."""
    order = table.argsort(dim=1, descending=True, stable=True)
    places = torch.arange(table.shape[1], 0, -1, dtype=table.dtype).expand_as(table)
    return torch.empty_like(table).scatter_(1, order, places)


def _count_within(ranked: Tensor, target: Tensor, places: int) -> int:
    """Samples whose label is among the best ``places`` classes."""
    classes = ranked.shape[1]
    top = min(places, classes)
    return int(multiclass_stat_scores(ranked, target, classes, average="micro", top_k=top)[0])


def _check_samples(scores: Mapping[str, object], labels: Mapping[str, object]) -> None:
    if not scores:
        raise InputError("there are no scores to evaluate; give at least one sample")
    for name in scores:
        if name not in labels:
            raise InputError(f"sample {name!r} has scores but no label; give one for every sample")
    for name in labels:
        if name not in scores:
            raise InputError(f"sample {name!r} has a label but no scores; leave it out of both, and say so")


def _score_table(scores: Mapping[str, NDArray[Any] | Tensor], names: list[str]) -> NDArray[np.float64]:
    """All scores as (samples, classes), float64, so that no two become equal on the way."""
    rows = [_score_row(name, scores[name]) for name in names]
    for name, row in zip(names, rows, strict=True):
        if row.shape != rows[0].shape:
            raise InputError(
                f"sample {name!r} has {len(row)} scores and {names[0]!r} has {len(rows[0])}; "
                "give one for each class, in every sample"
            )
    return np.stack([row.numpy() for row in rows])


def _score_row(name: str, scores: NDArray[Any] | Tensor) -> Tensor:
    try:
        row = torch.as_tensor(_native(scores) if isinstance(scores, np.ndarray) else scores)
        if row.is_complex():
            raise TypeError(str(row.dtype))
        row = row.detach().to(device="cpu", dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"sample {name!r} has scores that are no numbers ({error}); give (classes,)"
        ) from None
    if row.ndim != 1 or len(row) < 2:
        raise InputError(
            f"sample {name!r} has scores of shape {tuple(row.shape)}; give (classes,), at least two"
        )
    if not bool(row.isfinite().all()):
        raise InputError(
            f"sample {name!r} has scores that are NaN or infinite; find out why before evaluating"
        )
    return row


def _native(scores: NDArray[Any]) -> NDArray[Any]:
    """A writable copy in this machine's byte order, which is all that PyTorch reads."""
    return scores.astype(scores.dtype.newbyteorder("="))


def _label(name: str, label: object, classes: int) -> int:
    try:
        if isinstance(label, bool):
            raise TypeError
        number = as_index(label)  # type: ignore[arg-type]
    except TypeError:
        raise InputError(f"sample {name!r} has the label {label!r}; give an integer from 0") from None
    if not 0 <= number < classes:
        raise InputError(
            f"sample {name!r} has the label {number}, and scores for {classes} classes (0 to {classes - 1}); "
            "evaluate it with the protocol that the network was made for"
        )
    return number
