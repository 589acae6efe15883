"""Whether a fast form gives the logits that the network gives in float64, and by how much it is off."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from epam.backends.backend import Inputs, Output, Precision
from epam.errors import InputError
from epam.reference import build_twin
from epam.streams import SINGLE_STREAM, stream_logits

BOUNDS: dict[Precision, float] = {"fp32": 1e-4, "fp16": 1e-2, "bf16": 5e-2, "int8": 3e-1}
"""The largest relative error that a precision may have.

Ours, between what has been seen where all was right (of the largest logit: fp32 5e-7, bf16 4e-3 and in thin
networks 1e-2, int8 2e-2) and what one wrong layer makes: a norm left out of a thin network 2e-2 to 0.7, a
convolution of the wrong sign 2e-2 to 2. So fp32 and fp16 find any wrong layer, bf16 and int8 most or the
gross ones: what a form does to the layers is shown by its error in float32."""


@dataclass(frozen=True, kw_only=True)
class Equality:
    """How near a fast form's logits are to the reference's.

    Attributes:
        reference: what it was compared with, in words.
        clips: how many inputs, each of a batch's clips counted.
        relative_error: largest difference of a logit over the reference's largest logit, of all streams.
        bound: what that may be.
        top1_agreement: share of the clips whose best class is the same.
    """

    reference: str
    clips: int
    relative_error: float
    bound: float
    top1_agreement: float

    @property
    def holds(self) -> bool:
        """Whether the form may be timed: a NaN is never within its bound."""
        return self.relative_error <= self.bound


def describe_wrong_logits(equality: Equality, precision: Precision) -> str:
    """What is said of a form whose logits are not the reference's, and that no figure is given of."""
    if math.isnan(equality.relative_error):
        return f"its logits are wrong: some are no numbers (NaN, infinite), in it or in {equality.reference}"
    return (
        f"its logits are wrong: off by {equality.relative_error:.1e} of the largest from "
        f"{equality.reference}, and {equality.bound:.0e} is the most in {precision}"
    )


def reference_logits(model: nn.Module, inputs: Iterable[Inputs]) -> tuple[str, list[dict[str, Tensor]]]:
    """Name the reference of a network, and give its float64 logits by stream, one entry an input.

    EPAM-Net and its streams have a twin in another form (:mod:`epam.reference`); of other networks it is
    their own eager form in float64.
    """
    try:
        twin, name = build_twin(model), "the 3-D twin in float64"
    except InputError:
        twin, name = copy.deepcopy(model), "its own eager form in float64"
    twin = twin.double().eval()
    with torch.inference_mode():
        outputs = [twin(*(tensor.double() for tensor in sample)) for sample in inputs]
    return name, [stream_logits(output, default=SINGLE_STREAM) for output in outputs]


def check_equality(
    call: Callable[..., Output],
    inputs: Sequence[Inputs],
    *,
    reference: str,
    expected: Sequence[dict[str, Tensor]],
    precision: Precision,
) -> Equality:
    """Compare a fast form's logits with the reference's on the same inputs.

    Args:
        call: the fast form.
        inputs: float32, on its device.
        reference: name of the reference, and ``expected`` its logits (:func:`reference_logits`).
        expected: see ``reference``.
        precision: chooses the bound.

    Raises:
        InputError: logits of another shape than the reference's.
    """
    error, agreeing, clips = 0.0, 0, 0
    for sample, wanted in zip(inputs, expected, strict=True):
        got = stream_logits(call(*sample), default=SINGLE_STREAM)
        for stream, logits in wanted.items():
            if got[stream].shape != logits.shape:
                raise InputError(
                    f"the form gave {stream} logits of shape {tuple(got[stream].shape)}, and the reference "
                    f"of {tuple(logits.shape)}"
                )
            error = _larger(error, _relative_error(got[stream].detach().double().cpu(), logits.cpu()))
        first = next(iter(wanted))
        best = wanted[first].argmax(dim=1).cpu()
        agreeing += int((got[first].argmax(dim=1).cpu() == best).sum())
        clips += len(best)
    return Equality(
        reference=reference,
        clips=clips,
        relative_error=error,
        bound=BOUNDS[precision],
        top1_agreement=agreeing / clips,
    )


def _relative_error(got: Tensor, wanted: Tensor) -> float:
    """Largest difference over the largest logit wanted; infinite where all of these are 0 and one is not."""
    difference = float((got - wanted).abs().max())
    return 0.0 if difference == 0 else float(torch.tensor(difference).double() / wanted.abs().max())


def _larger(a: float, b: float) -> float:
    """The larger one; not a number if either is not (``max`` would pass over it)."""
    return a if a != a or b <= a else b
