"""Refuses a clip of another size than a network with fixed layers was built for, in one line."""

from __future__ import annotations

import torch
from torch import Tensor

from epam.errors import InputError

Shape = tuple[int, ...]


def require_clip_shape(x: Tensor, expected: Shape, *, model: str) -> None:
    """Raise unless every clip of the batch ``x`` has the shape ``expected`` (channels first).

    Raises:
        InputError: naming the model, both shapes, and what to do.
    """
    if torch.jit.is_tracing():  # type: ignore[attr-defined]
        return  # sizes are tensors then; the fixed layers themselves still refuse, in torch's words
    found = tuple(x.shape)
    if len(found) != 1 + len(expected) or found[1:] != expected:
        raise InputError(
            f"{model}: clips must be (N, {', '.join(map(str, expected))}), not {found}; its layers "
            "are made for that size: resize or resample the clip, or use another model"
        )
