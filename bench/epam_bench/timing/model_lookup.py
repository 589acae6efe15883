"""How a child process finds the model again that the measuring process means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from epam.errors import InputError
from epam_baselines import ModelSpec, list_models, model_spec
from epam_baselines.custom_models import import_model
from epam_baselines.given_inputs import with_given_inputs
from epam_baselines.plugins import load_plugin_file, load_plugins


def describe_spec(spec: ModelSpec) -> dict[str, Any]:
    """What :func:`find_spec` needs, as JSON holds it."""
    return {
        "name": spec.name,
        "origin": getattr(spec, "origin", ""),
        "inputs": {name: list(shape) for name, shape in spec.inputs.items()},
    }


def find_spec(described: Mapping[str, Any]) -> ModelSpec:
    """The model of that name: of the catalogue, a plug-in, or imported from where it was imported before.

    Raises:
        EpamError: it is in none of them, or cannot be made.
    """
    name, origin = described["name"], described["origin"]
    inputs: Mapping[str, Sequence[int]] = described["inputs"]
    shapes = {key: (1, *shape) for key, shape in inputs.items()}
    if origin and not origin.endswith(".py"):
        return import_model(origin, shapes)
    if not origin and name in list_models():
        return with_given_inputs(model_spec(name), shapes)
    plugins = load_plugin_file(Path(origin)) if origin else load_plugins(list_models()).specs
    found = next((spec for spec in plugins if spec.name == name), None)
    if found is None:
        raise InputError(
            f"{name}: a process of its own does not find it; name it as package.module:factory, or put it "
            "into a plug-in"
        )
    return with_given_inputs(found, shapes)
