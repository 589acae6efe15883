"""Networks as files for programs without PyTorch: the formats by name, and what each of them must do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from torch import nn

from epam.backends.backend import Inputs, Precision
from epam.errors import UnknownNameError

HOMES = {
    "onnx": "epam.backends.export_onnx",
    "openvino": "epam.backends.export_openvino",
    "torchexport": "epam.backends.export_torch",
}
"""The module of each; none imports its library before it is used."""


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """What a network is written for.

    Attributes:
        example_inputs: float32 tensors in the order of ``forward``; the file takes their shapes alone.
        input_names: of the inputs, in that order.
        output_names: of the logits, in the order of ``forward``.
        precision: of the arithmetic; inputs and logits are float32 whatever it is.
        calibration: real inputs for int8, each as ``example_inputs``; otherwise empty.
        metadata: what the file itself is to say, where its format has room for that.
    """

    example_inputs: Inputs
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    precision: Precision = "fp32"
    calibration: tuple[Inputs, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


class ExportFormat(Protocol):
    """One kind of file; an instance named ``FORMAT`` in a file of its own."""

    @property
    def name(self) -> str:
        """What is typed: ``onnx``."""

    @property
    def summary(self) -> str:
        """One sentence: what opens it."""

    @property
    def suffix(self) -> str:
        """How the file's name must end: ``.onnx``."""

    @property
    def companions(self) -> tuple[str, ...]:
        """Endings of further files of the same name that it does not work without."""

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """What it can be written in."""

    @property
    def libraries(self) -> tuple[str, ...]:
        """What a program imports to run it, besides NumPy."""

    @property
    def loading(self) -> str:
        """Lines of Python that run the file: they find ``FILE`` and ``inputs``, arrays by name, and leave
        ``outputs``, a list of arrays. They stand in the model card, and the check runs these very lines.
        """

    def missing(self) -> str | None:
        """What to install to write it, as one line to type and why; none where everything is there."""

    def write(self, model: nn.Module, request: ExportRequest, path: Path) -> Mapping[str, str]:
        """Write the file, and its companions beside it; nothing else may be written.

        Args:
            model: the network; it is not changed.
            request: see :class:`ExportRequest`.
            path: of the file, in a folder of its own.

        Returns:
            Facts about the file for its card, such as the version of its operations.

        Raises:
            BackendError: it cannot be written, with the reason.
        """


def list_formats() -> list[str]:
    """Names of all formats, whether or not their libraries are installed."""
    return list(HOMES)


def find_format(name: str) -> ExportFormat:
    """The format of that name.

    Raises:
        UnknownNameError: there is none; the nearest are named.
    """
    if name not in HOMES:
        raise UnknownNameError("export format", name, HOMES)
    return cast(ExportFormat, import_module(HOMES[name]).FORMAT)
