"""Inputs given by hand: matched to what a network's forward takes, or put in a specification's place."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from epam.errors import EpamError, InputError, UnknownNameError
from epam_baselines.specification import Modality, ModelSpec

Shape = tuple[int, ...]

NO_PAPER = "–"

MODALITY_OF_INPUT: Mapping[str, Modality] = {
    "rgb": "rgb",
    "frames": "rgb",
    "video": "rgb",
    "pose": "pose",
    "heatmaps": "pose",
    "skeleton": "pose",
    "keypoints": "pose",
}
"""What a network sees, as far as the names of its inputs tell."""


class NamedInputs(nn.Module):
    """A network whose forward takes some inputs by keyword only, as one that takes all in order."""

    def __init__(self, network: nn.Module, positional: int, keywords: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self.positional = positional
        self.keywords = tuple(keywords)

    def forward(self, *inputs: Tensor) -> Any:
        """What the network makes of the first inputs in order and the others by keyword."""
        named = dict(zip(self.keywords, inputs[self.positional :], strict=True))
        return self.network(*inputs[: self.positional], **named)


@dataclasses.dataclass(frozen=True)
class Matching:
    """Given inputs in the order of forward's parameters; the last ones by keyword."""

    positional: tuple[str, ...]
    by_keyword: Mapping[str, str]

    @property
    def order(self) -> tuple[str, ...]:
        """The inputs' own names."""
        return (*self.positional, *self.by_keyword.values())

    def arrange(self, network: nn.Module) -> nn.Module:
        """The network as one that takes its inputs in this order."""
        return (
            NamedInputs(network, len(self.positional), tuple(self.by_keyword)) if self.by_keyword else network
        )


def specify_module(
    name: str,
    make: Callable[..., nn.Module],
    shapes: Mapping[str, Shape],
    *,
    model: nn.Module | None = None,
) -> ModelSpec:
    """Describe any network by the shapes of its inputs, after one forward pass that shows they fit.

    The pass runs on the meta device, where nothing is computed; a network that cannot (it looks at
    values) runs once for real.

    Args:
        name: what it is called in records and tables.
        make: returns the network when called without arguments; where it has a parameter
            ``num_classes``, or takes any keyword, that can be set.
        shapes: of each input by name, batch dimension included. Names are matched to the
            parameters of ``forward``; those that match none are given in order.
        model: the network, if it was made already.

    Raises:
        UnknownNameError: an input that ``forward`` has no place for.
        InputError: a network that cannot be made, lacks an input, or refuses these.
    """
    batch_size = common_batch_size(shapes)
    first = _make(name, make) if model is None else model
    matching = match_inputs(name, first, list(shapes))
    # Not held: it may be large. A factory that returns the same network each time holds it itself.
    kept = weakref.ref(first)
    del first, model
    options = _parameters_of(make).values()
    takes_classes = any(one.name == "num_classes" or one.kind is one.VAR_KEYWORD for one in options)

    def build(*, num_classes: int) -> nn.Module:
        if num_classes != classes and not takes_classes:
            raise InputError(
                f"{name}: {num_classes} classes asked for, and its factory has no parameter num_classes"
            )
        return fresh(**({} if num_classes == classes else {"num_classes": num_classes}))

    def fresh(**options: Any) -> nn.Module:
        made = _make(name, make, **options)
        # What is measured is moved and switched to eval mode; the user's own network is not.
        return matching.arrange(copy.deepcopy(made) if made is kept() else made)

    inputs = {given: shapes[given][1:] for given in matching.order}
    tried = [(batch_size, *shape) for shape in inputs.values()]
    classes = _width_of_output(name, fresh, tried, shapes)
    modalities = dict.fromkeys(MODALITY_OF_INPUT[given] for given in inputs if given in MODALITY_OF_INPUT)
    return ModelSpec(
        name=name,
        title=name,
        paper=NO_PAPER,
        year=None,
        modalities=tuple(modalities),
        inputs=inputs,
        clips=1,
        crops=1,
        num_classes=classes,
        build=build,
        head=(),
    )


def with_given_inputs(spec: ModelSpec, shapes: Mapping[str, Shape]) -> ModelSpec:
    """The same model for inputs of these shapes, batch dimension included; others stay as they are.

    Raises:
        UnknownNameError: an input that the model does not have.
        InputError: a shape of another number of dimensions.
    """
    common_batch_size(shapes)
    inputs = dict(spec.inputs)
    for name, shape in shapes.items():
        if name not in inputs:
            raise UnknownNameError(f"input of {spec.name}", name, inputs)
        if len(shape) != 1 + len(inputs[name]):
            raise InputError(
                f"{spec.name}: {name} of {_joined(shape)} has {len(shape)} dimensions; give "
                f"{1 + len(inputs[name])}, the batch's first, for example {_joined((1, *inputs[name]))}"
            )
        inputs[name] = shape[1:]
    return dataclasses.replace(spec, inputs=inputs)


def common_batch_size(shapes: Mapping[str, Shape]) -> int:
    """The first dimension, which all inputs share.

    Raises:
        InputError: no inputs, an input without dimensions, or two batch sizes.
    """
    if not shapes:
        raise InputError("no inputs: give the shape of each, batch dimension first")
    sizes = {name: shape[0] if shape else 0 for name, shape in shapes.items()}
    if min(sizes.values()) < 1 or any(size < 1 for shape in shapes.values() for size in shape):
        wrong = next(name for name, shape in shapes.items() if not shape or min(shape) < 1)
        raise InputError(f"input {wrong} of {_joined(shapes[wrong]) or 'no dimensions'}: each is at least 1")
    if len(set(sizes.values())) > 1:
        said = ", ".join(f"{size} of {name}" for name, size in sizes.items())
        raise InputError(f"the first dimension is the batch and the same for all inputs, not {said}")
    return next(iter(sizes.values()))


def match_inputs(name: str, model: nn.Module, given: Sequence[str]) -> Matching:
    """Match names to the parameters of the network's forward; others fill its free places in order.

    Raises:
        UnknownNameError: a name without a place; the nearest parameters are named.
        InputError: a parameter without a default that nothing was given for.
    """
    parameters = _parameters_of(model.forward)
    in_order = [key for key, value in parameters.items() if value.kind in _POSITIONAL]
    named = [key for key, value in parameters.items() if value.kind is value.KEYWORD_ONLY]
    kinds = {value.kind for value in parameters.values()}
    filled = {key: key for key in given if key in (*in_order, *named)}
    free = [key for key in in_order if key not in filled]
    more: list[str] = []
    for key in (key for key in given if key not in filled):
        if free:
            filled[free.pop(0)] = key
        elif inspect.Parameter.VAR_POSITIONAL in kinds:
            more.append(key)
        elif inspect.Parameter.VAR_KEYWORD in kinds:
            filled[key] = key
        else:
            raise UnknownNameError(f"input of {name}", key, [*in_order, *named])
    missing = [
        key for key in (*in_order, *named) if key not in filled and parameters[key].default is inspect._empty
    ]
    if missing:
        raise InputError(f"{name}: its forward also takes {', '.join(missing)}; give the shape of each")
    # Up to the first place that is left to its default; what comes after must be named.
    leading = [key for index, key in enumerate(in_order) if set(in_order[: index + 1]) <= set(filled)]
    return Matching(
        positional=(*(filled[key] for key in leading), *more),
        by_keyword={key: value for key, value in filled.items() if key not in leading},
    )


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _parameters_of(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """A function's parameters; of one that does not tell, any number in order."""
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {"inputs": inspect.Parameter("inputs", inspect.Parameter.VAR_POSITIONAL)}


def _make(name: str, make: Callable[..., nn.Module], **options: Any) -> nn.Module:
    """The network; for real where it is wanted without weights and cannot be made so."""
    try:
        try:
            return make(**options)
        except Exception:
            if torch.get_default_device().type != "meta":
                raise
            with torch.device("cpu"):
                return make(**options)
    except EpamError:
        raise
    # A user's factory may fail in any way.
    except Exception as error:
        raise InputError(f"{name}: making it failed ({_described(error)})") from error


def _width_of_output(
    name: str, build: Callable[[], nn.Module], tried: Sequence[Shape], shapes: Mapping[str, Shape]
) -> int:
    """Last dimension of the first tensor that the network gives; 1 if it gives none."""
    try:
        output = _forward(build, tried, "meta")
    except EpamError:
        raise
    # It refuses the shapes, or it cannot run without values: a real pass tells which.
    except Exception:
        try:
            output = _forward(build, tried, "cpu")
        except Exception as error:
            asked = ", ".join(f"{given} of {_joined(shape)}" for given, shape in shapes.items())
            raise InputError(f"{name} cannot take {asked} ({_described(error)})") from error
    first = next((leaf for leaf in _leaves(output) if isinstance(leaf, Tensor)), None)
    return first.shape[-1] if first is not None and first.dim() else 1


def _forward(build: Callable[[], nn.Module], shapes: Sequence[Shape], device: str) -> object:
    with torch.random.fork_rng(devices=[]), torch.device(device), torch.no_grad():
        torch.manual_seed(0)
        model = build()
        return model.to(device).eval()(*(torch.randn(shape) for shape in shapes))


def _leaves(output: object) -> list[Any]:
    fields = vars(output) if dataclasses.is_dataclass(output) else output
    return pytree.tree_leaves(fields)


def _described(error: Exception) -> str:
    first_line = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__


def _joined(shape: Shape) -> str:
    return "×".join(map(str, shape))
