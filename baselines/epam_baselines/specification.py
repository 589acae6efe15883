"""What is known of a model before it is built: paper, inputs, views, class count, options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from torch import nn

from epam.errors import InputError, UnknownNameError, printable

if TYPE_CHECKING:
    from epam.data.clip_size import ClipSize
    from epam.data.pipelines import PipelineKind

Modality = Literal["rgb", "pose"]

Builder = Callable[..., nn.Module]
"""``build(*, num_classes, **options)`` → the network with fresh weights, in training mode, on the
current default device; every parameter but ``num_classes`` is an option and has a default."""

Options = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One row of the catalogue.

    Attributes:
        name: what is typed on the command line.
        title: what a table prints.
        paper: authors, venue and year of the model's source.
        year: year of that paper; none for a network that comes from no paper.
        modalities: which streams of data it sees.
        inputs: shape of each input without the batch dimension, by name, in the order of
            ``forward``: ``rgb`` and ``heatmaps`` are ``(channels, frames, height, width)``,
            ``skeleton`` is ``(persons, frames, joints, coordinates)``.
        clips: temporal clips a video that the published accuracy averages over.
        crops: spatial crops a clip that it averages over.
        num_classes: classes of the published checkpoint; the default of ``create_model``.
        build: makes the network.
        frame_interval: frames of the video from one of a clip's to the next; none where the clip is
            spread over the whole video, however long.
        head: dotted paths of the parts that only turn features into class logits, so that a count
            with the head left out can be told.
        notes: sentences that a row of this model must be read with.
    """

    name: str
    title: str
    paper: str
    year: int | None
    modalities: tuple[Modality, ...]
    inputs: Mapping[str, tuple[int, ...]]
    clips: int
    crops: int
    num_classes: int
    build: Builder
    frame_interval: int | None = None
    head: tuple[str, ...] = ("cls_head",)
    notes: tuple[str, ...] = ()

    @property
    def views(self) -> int:
        """Forward passes a video behind the published accuracy: clips × crops."""
        return self.clips * self.crops

    @property
    def options(self) -> Options:
        """What ``build`` can be told besides the number of classes, with the defaults."""
        parameters = inspect.signature(self.build).parameters.values()
        return MappingProxyType(
            {
                parameter.name: parameter.default
                for parameter in parameters
                if parameter.name != "num_classes" and parameter.default is not inspect.Parameter.empty
            }
        )

    @property
    def pipeline_kind(self) -> PipelineKind:
        """Which pipeline prepares the inputs, in the order in which ``forward`` takes them.

        Raises:
            InputError: inputs that no pipeline prepares.
        """
        match list(self.inputs):
            case ["rgb", "heatmaps"]:
                return "multimodal"
            case ["rgb"]:
                return "rgb"
            case ["heatmaps"]:
                return "pose"
        raise InputError(
            f"{self.name}: no pipeline prepares the inputs {', '.join(self.inputs)}; there are rgb, "
            "heatmaps, and rgb with heatmaps, in this order"
        )

    @property
    def clip_size(self) -> ClipSize:
        """Frames and side of the inputs; an input that the model does not take has the paper's.

        Raises:
            InputError: inputs that are not square, or neither frames nor heatmaps, which no pipeline
                prepares.
        """
        from epam.data.clip_size import ClipSize

        sizes: dict[str, int] = {}
        for name, shape in self.inputs.items():
            if name not in ("rgb", "heatmaps"):
                raise InputError(f"{self.name}: no pipeline prepares {printable(name)}")
            _, frames, height, width = shape
            if height != width:
                raise InputError(
                    f"{self.name}: {name} of {height} × {width}; clips are prepared square: give one side"
                )
            sizes |= (
                {"rgb_frames": frames, "frame_side": height}
                if name == "rgb"
                else {"pose_frames": frames, "heatmap_side": height}
            )
        return ClipSize(**sizes)

    def check_options(self, options: Options) -> dict[str, object]:
        """Return the options as ``build`` takes them: each of the same kind as its default.

        Raises:
            UnknownNameError: the model has no such option; the nearest are named.
            InputError: a value of another kind than the default.
        """
        known = self.options
        for name in options:
            if name not in known:
                raise UnknownNameError(f"option of {self.name}", printable(name), known)
        return {name: self._as_default(name, value) for name, value in options.items()}

    def _as_default(self, name: str, value: object) -> object:
        default = self.options[name]
        # TOML and JSON have lists where Python's defaults are tuples.
        if isinstance(default, tuple) and isinstance(value, list | tuple):
            if all(type(entry) is int for entry in value):
                return tuple(value)
        elif isinstance(default, float) and type(value) is int:
            return float(value)
        elif type(value) is type(default):
            return value
        raise InputError(
            f"{self.name}: option {name} = {printable(repr(value))}; give a value like the default, "
            f"{default!r}"
        )


def build_model(
    spec: ModelSpec, *, num_classes: int | None = None, options: Options | None = None
) -> nn.Module:
    """Build a model on the current default device, in training mode, with fresh weights.

    Args:
        spec: the model.
        num_classes: width of the logits; by default that of the published checkpoint.
        options: changes to ``spec.options``.

    Raises:
        UnknownNameError: an option that the model does not have.
        InputError: fewer than one class, or an option's value that cannot be used.
    """
    classes = spec.num_classes if num_classes is None else num_classes
    if classes < 1:
        raise InputError(f"{spec.name}: {classes} classes; at least 1 is needed")
    return spec.build(num_classes=classes, **spec.check_options(options or {}))
