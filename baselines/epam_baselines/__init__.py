"""Every model that EPAM-Net is compared with, one paper a file, and the catalogue of them all."""

from epam_baselines.catalogue import create_model, list_models, model_spec
from epam_baselines.inputs import example_inputs, with_clip
from epam_baselines.model_spec import ModelSpec

__all__ = ["ModelSpec", "create_model", "example_inputs", "list_models", "model_spec", "with_clip"]
