"""The `reference` backend: EPAM-Net's 3-D twin, the plain reading of the paper that ratios are to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from epam.backends.backend import DTYPES, Precision, Prepared, Request
from epam.backends.plain_call import count_weights_bytes, plain_call
from epam.errors import InputError
from epam.reference import build_twin


@dataclass(frozen=True)
class ReferenceBackend:
    """Three-dimensional convolutions, norms apart, the shift by slices; see :mod:`epam.reference`."""

    name: str = "reference"
    summary: str = "EPAM-Net's twin in 3-D convolutions, as in the paper's code, run eagerly"

    @property
    def precisions(self) -> Mapping[str, tuple[Precision, ...]]:
        """PyTorch's own."""
        return {"cpu": ("fp32", "bf16"), "cuda": ("fp32", "bf16", "fp16")}

    def missing(self) -> str | None:
        """Nothing is."""
        return None

    def refuses(self, model: nn.Module) -> str | None:
        """Networks without a twin."""
        try:
            build_twin(model)
        except InputError as error:
            return f"{error}; use backend eager"
        return None

    def prepare(self, model: nn.Module, request: Request) -> Prepared:
        """Build the twin with the same weights."""
        twin = build_twin(model).to(DTYPES[request.precision])
        return Prepared(call=plain_call(twin, request), weights_bytes=count_weights_bytes(twin))


BACKEND = ReferenceBackend()
