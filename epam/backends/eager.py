"""The `eager` backend: the network as its own forward has it, in the asked precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from epam.backends.backend import DTYPES, Precision, Prepared, Request
from epam.backends.plain_call import count_weights_bytes, plain_call


@dataclass(frozen=True)
class EagerBackend:
    """Nothing is changed but the type of the numbers."""

    name: str = "eager"
    summary: str = "the network as it is, run by PyTorch operation by operation"

    @property
    def precisions(self) -> Mapping[str, tuple[Precision, ...]]:
        """PyTorch's own."""
        return {"cpu": ("fp32", "bf16"), "cuda": ("fp32", "bf16", "fp16")}

    def missing(self) -> str | None:
        """Nothing is."""
        return None

    def refuses(self, model: nn.Module) -> str | None:
        """No network is."""
        return None

    def prepare(self, model: nn.Module, request: Request) -> Prepared:
        """Cast the weights."""
        module = model.to(DTYPES[request.precision])
        return Prepared(call=plain_call(module, request), weights_bytes=count_weights_bytes(module))


BACKEND = EagerBackend()
