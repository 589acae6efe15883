"""Every model that EPAM-Net is compared with, one paper a file, and the catalogue of them all.

Names are imported when first used: the ``--help`` of ``epam-train`` needs no PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from epam_baselines.catalogue import create_model, find_spec, list_models, model_spec
    from epam_baselines.inputs import example_inputs, with_clip, with_clip_size
    from epam_baselines.specification import ModelSpec, build_model

_HOMES = {
    "ModelSpec": "epam_baselines.specification",
    "build_model": "epam_baselines.specification",
    "create_model": "epam_baselines.catalogue",
    "example_inputs": "epam_baselines.inputs",
    "find_spec": "epam_baselines.catalogue",
    "list_models": "epam_baselines.catalogue",
    "model_spec": "epam_baselines.catalogue",
    "with_clip": "epam_baselines.inputs",
    "with_clip_size": "epam_baselines.inputs",
}

__all__ = [
    "ModelSpec",
    "build_model",
    "create_model",
    "example_inputs",
    "find_spec",
    "list_models",
    "model_spec",
    "with_clip",
    "with_clip_size",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'epam_baselines' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
