"""PyTorch's own exported program: one file that runs without our code, though not without PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from epam.backends.backend import BackendError, Precision
from epam.backends.engine_errors import first_line
from epam.backends.export import ExportRequest
from epam.backends.export_form import export_form

PLACES_OF_SOURCE = ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn")
"""What a graph's nodes say of the code that they come from: paths and classes that only we have."""


class TorchExportFile:
    """``torch.export``: for other PyTorch programs, ExecuTorch and AOTInductor."""

    name = "torchexport"
    summary = "one file for PyTorch itself, ExecuTorch and AOTInductor; it runs without our code"
    suffix = ".pt2"
    companions: tuple[str, ...] = ()
    precisions: tuple[Precision, ...] = ("fp32", "bf16", "fp16")
    libraries = ("torch",)
    loading = (
        "import torch\n"
        "network = torch.export.load(FILE).module()\n"
        "with torch.inference_mode():\n"
        "    logits = network(*map(torch.from_numpy, inputs.values()))\n"
        "outputs = [entry.numpy() for entry in logits]"
    )

    def missing(self) -> str | None:
        """Nothing: PyTorch is here."""
        return None

    def write(self, model: nn.Module, request: ExportRequest, path: Path) -> Mapping[str, str]:
        """Write the file.

        Raises:
            BackendError: control flow or an operation that cannot be captured.
        """
        form = export_form(model, request.precision)
        try:
            with warnings.catch_warnings(), torch.inference_mode():
                warnings.simplefilter("ignore")
                program = torch.export.export(form, request.example_inputs)
                # They would be written with it, and may be larger than the network.
                program.example_inputs = None
                for node in program.graph.nodes:
                    for key in PLACES_OF_SOURCE:
                        node.meta.pop(key, None)
                torch.export.save(program, path, extra_files=dict(request.metadata))
        except Exception as error:
            raise BackendError(f"cannot be captured by torch.export: {first_line(error)}") from error
        return {"dialect": program.dialect}


FORMAT = TorchExportFile()
