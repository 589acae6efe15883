"""Who takes apart what each backend runs: one profiler a file."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol, cast

from torch import nn

from epam.backends.backend import BackendError, Inputs, Precision
from epam_bench.roofline.operation import OperationPass


class Profile(Protocol):
    """A prepared network that can be run whole, and taken apart.

    Attributes:
        launch_microseconds: of the smallest operation where it is not PyTorch that starts them.
        notes: sentences that its figures must be read with.
    """

    launch_microseconds: float | None
    notes: tuple[str, ...]

    def run_whole(self) -> Any:
        """A forward pass without any profiler; its logits."""

    def run_pass(self) -> None:
        """A forward pass that is taken apart."""

    def passes(self) -> tuple[OperationPass, ...]:
        """Those that were taken apart so far."""

    def close(self) -> None:
        """Give back what it took: files, sessions."""


class Profiler(Protocol):
    """Prepares a network so that it can be taken apart; an instance named ``PROFILER`` in its file."""

    def prepare(
        self,
        model: nn.Module,
        inputs: Inputs,
        *,
        backend: str,
        precision: Precision,
        device: str,
        threads: int,
    ) -> Profile:
        """Make the network ready; it is not changed.

        Raises:
            BackendError: it cannot be done here.
        """


HOMES: Mapping[tuple[str, str], str] = {
    **{
        ("cpu", backend): "epam_bench.roofline.dispatch_profiler"
        for backend in ("reference", "eager", "fused")
    },
    **{
        ("cuda", backend): "epam_bench.roofline.kernel_profiler"
        for backend in ("reference", "eager", "fused")
    },
    ("cpu", "openvino"): "epam_bench.roofline.open_vino_profiler",
    ("cpu", "onnxruntime"): "epam_bench.roofline.onnx_runtime_profiler",
}
"""The module of each kind of device and backend."""


def find_profiler(backend: str, device_type: str) -> Profiler:
    """Who takes that backend apart on that kind of device.

    Raises:
        BackendError: nobody does; those that can be taken apart there are named.
    """
    home = HOMES.get((device_type, backend))
    if home is None:
        known = ", ".join(name for kind, name in HOMES if kind == device_type)
        raise BackendError(
            f"backend {backend}: what it runs on {device_type} cannot be taken apart; "
            f"these can: {known or 'none'}"
        )
    return cast(Profiler, import_module(home).PROFILER)
