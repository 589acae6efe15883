"""What a command was asked to measure, checked before the first model is built."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from epam.errors import InputError, UnknownNameError
from epam_baselines import ModelSpec, list_models, model_spec, with_clip
from epam_baselines.catalogue import SPECS
from epam_baselines.custom_models import import_model, is_import_path
from epam_baselines.given_inputs import Shape, with_given_inputs
from epam_baselines.inputs import parse_clip
from epam_baselines.plugins import Plugins, load_plugins
from epam_bench.counters import COUNTERS, Counter, get_counter

_INPUT = re.compile(r"\s*([^\W\d]\w*)\s*=\s*(\d+(?:[xX×*]\d+)*)\s*")


def plan_models(
    names: Sequence[str] | None,
    clip: str | None = None,
    inputs: Mapping[str, Shape] | None = None,
    plugins: Sequence[ModelSpec] = (),
) -> list[ModelSpec]:
    """Specs by name, each once, all there are for none; on another clip size or inputs if asked.

    Args:
        names: of models in the catalogue or of plug-ins, or ``package.module:factory``.
        clip: frames × height × width, as :func:`epam_baselines.inputs.parse_clip` reads it.
        inputs: shapes by name, batch dimension included. For the models given as
            ``package.module:factory`` if there are any; else for all.
        plugins: models besides the catalogue's.

    Raises:
        epam.errors.UnknownNameError: a name that is not there, or an input that a model does not have.
        InputError: a clip size or inputs that cannot be read or used, or a model that cannot be made.
    """
    if clip is not None and inputs:
        raise InputError("--clip and --input both set the inputs' sizes: give one of them")
    if inputs and not names:
        raise InputError("--input: name the model that takes it")
    by_name = {spec.name: spec for spec in plugins}
    chosen = dict.fromkeys(
        names or [*list_models(), *(name for name in by_name if name not in list_models())]
    )
    from_outside = any(map(is_import_path, chosen))
    specs = [
        import_model(name, inputs or None)
        if is_import_path(name)
        else _known(name, by_name, None if from_outside else inputs)
        for name in chosen
    ]
    if clip is None:
        return specs
    size = parse_clip(clip)
    return [with_clip(spec, *size) for spec in specs]


def plan_plugins(folder: Path | None = None) -> Plugins:
    """Models of installed plug-ins, of the folder that the environment names, and of this one.

    Raises:
        InputError: the folder is not there.
    """
    return load_plugins({spec.name for spec in SPECS}, folder)


def parse_inputs(texts: Sequence[str] | None) -> dict[str, Shape] | None:
    """``["rgb=1x3x16x224x224", …]`` → shapes by name, batch dimension included; none for none."""
    shapes: dict[str, Shape] = {}
    for text in texts or ():
        match = _INPUT.fullmatch(text)
        if not match:
            raise InputError(f"input {text!r}: write name=shape, for example rgb=1x3x16x224x224, batch first")
        name, sizes = match.groups()
        if name in shapes:
            raise InputError(f"input {name} is given twice")
        shapes[name] = tuple(int(size) for size in re.split("[xX×*]", sizes))
    return shapes or None


def plan_counters(name: str) -> list[Counter]:
    """One counter by name, or ``all``."""
    return list(COUNTERS.values()) if name == "all" else [get_counter(name)]


def parse_names(option: str, text: str) -> list[str]:
    """``"eager, fused"`` → ``["eager", "fused"]``, each once.

    Raises:
        InputError: there is none.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise InputError(f"{option} {text!r}: write names with commas between, for example eager,fused")
    return list(dict.fromkeys(names))


def parse_batch_sizes(texts: Sequence[str]) -> list[int]:
    """``["1,8", "32"]`` → ``[1, 8, 32]``, each once."""
    parts = [part.strip() for text in texts for part in text.split(",")]
    wrong = [part for part in parts if not part.isdecimal() or int(part) < 1]
    if wrong:
        raise InputError(
            f"batch size {wrong[0]!r}: write whole numbers from 1, for example --batch-size 1,8,32"
        )
    return list(dict.fromkeys(int(part) for part in parts))


def _known(name: str, plugins: Mapping[str, ModelSpec], inputs: Mapping[str, Shape] | None) -> ModelSpec:
    """A model of a plug-in or of the catalogue."""
    if name not in plugins and name not in list_models():
        raise UnknownNameError("model", name, [*list_models(), *plugins])
    spec = plugins[name] if name in plugins else model_spec(name)
    return with_given_inputs(spec, inputs) if inputs else spec
