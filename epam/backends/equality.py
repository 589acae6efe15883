"""Whether a fast form gives the logits that the network gives in float64, and by how much it is off."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from epam.backends.backend import Inputs, Output, Precision
from epam.errors import InputError
from epam.reference import build_twin
from epam.streams import SINGLE_STREAM, stream_logits

BOUNDS: dict[Precision, float] = {"fp32": 1e-4, "fp16": 2e-2, "bf16": 1e-1, "int8": 3e-1}
"""The largest relative error that a precision may have.

Ours: some forty times what a network of a hundred layers has shown where all was right (fp32 3e-7,
bf16 4e-3, int8 2e-2 of the largest logit), and far below what a wrong layer makes (1 and more)."""


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


def reference_logits(model: nn.Module, inputs: Iterable[Inputs]) -> tuple[str, list[dict[str, Tensor]]]:
    """Name the reference of a network, and give its float64 logits by stream, one entry an input.

    EPAM-Net and its streams have a twin in another form (:mod:`epam.reference`); of other networks it is
    their own eager form in float64.
    """
    try:
        twin, name = build_twin(model), "the 3-D twin in float64"
    except InputError:
        twin, name = model, "its own eager form in float64"
    before = next((parameter.dtype for parameter in model.parameters()), torch.float32)
    twin = twin.double().eval()
    try:
        with torch.inference_mode():
            outputs = [twin(*(tensor.double() for tensor in sample)) for sample in inputs]
    finally:
        if twin is model:
            model.to(before)
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
    """
    error, agreeing, clips = 0.0, 0, 0
    for sample, wanted in zip(inputs, expected, strict=True):
        got = stream_logits(call(*sample), default=SINGLE_STREAM)
        for stream, logits in wanted.items():
            difference = (got[stream].double().cpu() - logits.cpu()).abs().max()
            error = _larger(error, float(difference / logits.abs().max().cpu()))
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


def _larger(a: float, b: float) -> float:
    """The larger one; not a number if either is not (``max`` would pass over it)."""
    return a if a != a or b <= a else b
