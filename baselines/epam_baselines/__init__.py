"""Every model that EPAM-Net is compared with, one paper a file, and the catalogue of them all."""

from epam_baselines.catalogue import create_model, find_spec, list_models, model_spec
from epam_baselines.inputs import example_inputs, with_clip, with_clip_size
from epam_baselines.specification import ModelSpec, build_model

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
