"""Every model that EPAM-Net is compared with, one paper a file, and the catalogue of them all.

Names are imported when first used: the ``--help`` of ``epam-train`` needs no PyTorch.
"""

from typing import TYPE_CHECKING

from epam.lazy_names import lazy_names

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

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
