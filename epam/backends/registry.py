"""The backends by name, the plainest first."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from epam.backends.backend import Backend
from epam.errors import UnknownNameError

HOMES = {
    "reference": "epam.backends.reference_form",
    "eager": "epam.backends.eager",
    "fused": "epam.backends.fused",
    "native": "epam.backends.native",
    "compile": "epam.backends.compiled",
    "onnxruntime": "epam.backends.onnx_runtime",
    "openvino": "epam.backends.open_vino",
    "cudagraph": "epam.backends.cuda_graph",
    "tensorrt": "epam.backends.tensor_rt",
}
"""The module of each; none imports its library before it is used."""


def list_backends() -> list[str]:
    """Names of all backends, whether or not their libraries are installed."""
    return list(HOMES)


def find_backend(name: str) -> Backend:
    """The backend of that name.

    Raises:
        UnknownNameError: there is none; the nearest are named.
    """
    if name not in HOMES:
        raise UnknownNameError("backend", name, HOMES)
    return cast(Backend, import_module(HOMES[name]).BACKEND)
