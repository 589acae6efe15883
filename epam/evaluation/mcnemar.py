"""Whether two networks differ on the same samples, beyond luck: McNemar's exact test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from epam.errors import InputError, printable
from epam.evaluation.accuracy import find_hits


@dataclass(frozen=True, kw_only=True)
class McNemar:
    """Samples by who was right, and what that says.

    Attributes:
        only_a: samples that the first network alone had right; ``only_b`` likewise.
        both: samples that both had right; ``neither`` likewise.
    """

    only_a: int
    only_b: int
    both: int
    neither: int

    @property
    def samples(self) -> int:
        """All of them."""
        return self.only_a + self.only_b + self.both + self.neither

    @property
    def p_value(self) -> float:
        """Two-sided exact probability of a split at least as uneven between equally good networks.

        Only the samples where they differ count; each is then a fair coin. Without one it is 1.
        """
        differing = self.only_a + self.only_b
        # Twice the lower tail of binomial(differing, 1/2), in whole numbers: no approximation.
        ways, tail = 1, 0
        for taken in range(min(self.only_a, self.only_b) + 1):
            tail += ways
            ways = ways * (differing - taken) // (taken + 1)
        return min(1.0, 2 * tail / 2**differing)


def compare_runs(
    scores_a: Mapping[str, NDArray[Any] | Tensor],
    scores_b: Mapping[str, NDArray[Any] | Tensor],
    labels: Mapping[str, int],
) -> McNemar:
    """Compare the best classes of two networks, sample by sample.

    Args:
        scores_a: (classes,) logits or probabilities of the first network by sample id.
        scores_b: those of the second, for exactly the same samples.
        labels: class index by sample id.

    Raises:
        InputError: samples that only one of them has, or what :func:`epam.evaluation.evaluate` refuses.
    """
    _check_same(scores_a, scores_b)
    hits_a, hits_b = find_hits(scores_a, labels), find_hits(scores_b, labels)
    pairs = [(hits_a[name], hits_b[name]) for name in hits_a]
    return McNemar(
        only_a=pairs.count((True, False)),
        only_b=pairs.count((False, True)),
        both=pairs.count((True, True)),
        neither=pairs.count((False, False)),
    )


def _check_same(scores_a: Mapping[str, object], scores_b: Mapping[str, object]) -> None:
    for which, found, other in (("first", scores_a, scores_b), ("second", scores_b, scores_a)):
        alone = [name for name in found if name not in other]
        if alone:
            raise InputError(
                f"{len(alone)} samples are in the {which} run alone, for example {printable(alone[0])!r}; "
                "compare runs on the same split, with the same samples scored"
            )
