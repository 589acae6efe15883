"""ONNX: one file with its weights in it, for ONNX Runtime and most other engines."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import nn

from epam.backends.array_exchange import as_array
from epam.backends.backend import BackendError, Precision
from epam.backends.engine_errors import first_line
from epam.backends.export import ExportRequest
from epam.backends.export_form import export_form
from epam.backends.library_check import missing_libraries
from epam.backends.onnx_runtime import OPSET
from epam.backends.quiet_import import import_quietly

LARGEST_FILE_BYTES = 2**31 - 1
"""A protocol buffer's own limit; weights beyond it would need files of their own."""


class OnnxFile:
    """PyTorch's exporter, its file stripped of where on this machine the source code is."""

    name = "onnx"
    summary = "one file for ONNX Runtime and most other engines"
    suffix = ".onnx"
    companions: tuple[str, ...] = ()
    precisions: tuple[Precision, ...] = ("fp32", "fp16", "int8")
    libraries = ("onnxruntime",)
    loading = (
        "import onnxruntime\n"
        "session = onnxruntime.InferenceSession(FILE)\n"
        "outputs = session.run(None, inputs)"
    )

    def missing(self) -> str | None:
        """What to install."""
        return missing_libraries("onnx", "onnxscript", "onnxruntime")

    def write(self, model: nn.Module, request: ExportRequest, path: Path) -> Mapping[str, str]:
        """Write the file.

        Raises:
            BackendError: an operation that the exporter does not know, or more than two gigabytes.
        """
        proto = _export(export_form(model, request.precision), request)
        if request.precision == "int8":
            proto = _quantise(proto, request)
        _strip(proto)
        for key, value in request.metadata.items():
            entry = proto.metadata_props.add()
            entry.key, entry.value = key, value
        if proto.ByteSize() > LARGEST_FILE_BYTES:
            raise BackendError(f"its {proto.ByteSize()} bytes are more than one ONNX file holds")
        path.write_bytes(proto.SerializeToString(deterministic=True))
        return {"opset": str(OPSET), "ir_version": str(proto.ir_version)}


def _export(form: nn.Module, request: ExportRequest) -> Any:
    """An ``onnx.ModelProto``."""
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), torch.inference_mode():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                form,
                request.example_inputs,
                dynamo=True,
                opset_version=OPSET,
                input_names=list(request.input_names),
                output_names=list(request.output_names),
                verbose=False,
                optimize=True,
            )
    except Exception as error:
        raise BackendError(f"cannot be exported as ONNX: {first_line(error)}") from error
    assert program is not None
    return program.model_proto


def _quantise(proto: Any, request: ExportRequest) -> Any:
    """The same graph with int8 weights and activations, their ranges found on real inputs."""
    if missing := missing_libraries("nncf"):
        raise BackendError(f"int8 {missing}")
    nncf = import_quietly("nncf")
    samples = [
        {name: as_array(tensor) for name, tensor in zip(request.input_names, sample, strict=True)}
        for sample in request.calibration
    ]
    try:
        # It draws a bar on standard output, which is the command's own.
        with redirect_stdout(StringIO()):
            return nncf.quantize(proto, nncf.Dataset(samples), subset_size=len(samples))
    except Exception as error:
        raise BackendError(f"cannot be quantised: {first_line(error)}") from error


def _strip(proto: Any) -> None:
    """Leave out what the exporter says of each operation's source: paths of this machine's files."""
    for graph in (proto.graph, *proto.functions):
        graph.doc_string = ""
        for node in graph.node:
            node.doc_string = ""
            del node.metadata_props[:]
    for value in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output):
        del value.metadata_props[:]


FORMAT = OnnxFile()
