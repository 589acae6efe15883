"""OpenVINO's own form: a graph in ``.xml`` and its weights in ``.bin``, as its tools open them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from epam.backends.backend import BackendError, Precision
from epam.backends.engine_errors import first_line
from epam.backends.export import ExportRequest
from epam.backends.export_form import export_form
from epam.backends.library_check import missing_libraries
from epam.backends.open_vino import convert_model
from epam.backends.open_vino_quantisation import quantise_model
from epam.backends.quiet_import import import_quietly


class OpenVinoFile:
    """OpenVINO's converter; two files of one name, for that is what its tools read."""

    name = "openvino"
    summary = "a graph and its weights beside it, for OpenVINO"
    suffix = ".xml"
    companions: tuple[str, ...] = (".bin",)
    precisions: tuple[Precision, ...] = ("fp32", "fp16", "int8")
    libraries = ("openvino",)
    # Without the hint a processor that has bf16 would compute in it.
    loading = (
        "import openvino\n"
        'model = openvino.compile_model(FILE, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})\n'
        "outputs = list(model(inputs).values())"
    )

    def missing(self) -> str | None:
        """What to install."""
        return missing_libraries("openvino")

    def write(self, model: nn.Module, request: ExportRequest, path: Path) -> Mapping[str, str]:
        """Write both files; weights are halved for fp16, and computed with as the reader chooses.

        Raises:
            BackendError: an operation that the converter does not know, or NNCF is missing for int8.
        """
        openvino = import_quietly("openvino")
        converted = convert_model(export_form(model, "fp32"), request.example_inputs)
        if request.precision == "int8":
            converted = quantise_model(converted, request.calibration)
        for port, name in zip(converted.inputs, request.input_names, strict=True):
            port.get_tensor().set_names({name})
            port.get_node().set_friendly_name(name)
        for port, name in zip(converted.outputs, request.output_names, strict=True):
            port.get_tensor().set_names({name})
        for key, value in request.metadata.items():
            converted.set_rt_info(value, ["model_info", key])
        try:
            openvino.save_model(converted, path, compress_to_fp16=request.precision == "fp16")
        except Exception as error:
            raise BackendError(f"cannot be written for OpenVINO: {first_line(error)}") from error
        return {"weights": f"{path.stem}.bin, which must lie beside it"}


FORMAT = OpenVinoFile()
