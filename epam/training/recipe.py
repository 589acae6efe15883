"""Training recipes: every number that a run is told, typed, read from TOML and checked whole.

This module imports no torch: commands list recipes in their help.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from epam.errors import InputError, UnknownNameError, printable
from epam.training.strict_model import OptionValue, StrictModel, first_problem, hash_json

if TYPE_CHECKING:
    from epam.data.clip_size import ClipSize

Precision = Literal["fp32", "bf16", "fp16"]

LARGEST_RECIPE_BYTES = 1_000_000
SUFFIX = ".toml"

NOT_TRAINED: Any = {"title": True, "training": {"workers", "save_every_steps"}}
"""What changes how a run is carried out or called, and no bit of what it trains."""


class ModelSettings(StrictModel):
    """The network: a name of the catalogue or ``package.module:factory``, and its options."""

    name: Annotated[str, Field(min_length=1)]
    options: dict[str, OptionValue] = Field(default_factory=dict)


class ClipSettings(StrictModel):
    """Frames and sides (pixels) of the two streams' inputs; a network of one stream reads its own two."""

    rgb_frames: PositiveInt
    frame_side: PositiveInt
    pose_frames: PositiveInt
    heatmap_side: PositiveInt

    @property
    def size(self) -> ClipSize:
        """The same, as the pipelines take it."""
        # The package of the data imports torch; a recipe must not wait for it.
        from epam.data.clip_size import ClipSize

        return ClipSize(**self.model_dump())


class OptimizerSettings(StrictModel):
    """SGD; weight decay is on every parameter, norms and biases too."""

    learning_rate: PositiveFloat
    momentum: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: NonNegativeFloat
    nesterov: bool = False

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> OptimizerSettings:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0; set one, or nesterov = false")
        return self


class ScheduleSettings(StrictModel):
    """Cosine from the learning rate to 0 over all iterations, after a linear warm-up."""

    epochs: PositiveInt
    warmup_steps: NonNegativeInt = 0


class TrainingSettings(StrictModel):
    """How steps are made.

    Attributes:
        batch_size: clips a process and forward pass; all processes together see ``batch_size ×
            processes``, and one optimizer step ``accumulation`` times that.
        accumulation: forward passes a step of the optimizer.
        clip_norm: bound of the gradients' global L2 norm.
        precision: of the forward pass; weights and optimizer are fp32 always.
        class_balanced: draw every class equally often rather than every sample once an epoch.
        sync_batch_norm: norms over all processes' clips, under CUDA with several processes.
        workers: processes that load clips; 0 loads in the training process.
        evaluate_every: epochs between evaluations.
        save_every_steps: a state is saved at least this often; 0 is once an epoch.
    """

    batch_size: PositiveInt
    accumulation: PositiveInt = 1
    clip_norm: PositiveFloat = 40.0
    precision: Precision = "fp32"
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    class_balanced: bool = False
    sync_batch_norm: bool = True
    workers: Annotated[int, Field(ge=0, le=256)]
    evaluate_every: PositiveInt = 1
    save_every_steps: NonNegativeInt = 0


class AugmentationSettings(StrictModel):
    """Of training clips.

    Attributes:
        flip_probability: of mirroring a clip, both streams with one coin.
        crop: a random resized crop of the keypoints; pose-only training has it.
    """

    flip_probability: Annotated[float, Field(ge=0, le=1)]
    crop: bool


class Recipe(StrictModel):
    """All that a training run is told, apart from where its data are."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    title: str
    model: ModelSettings
    clip: ClipSettings
    optimizer: OptimizerSettings
    schedule: ScheduleSettings
    training: TrainingSettings
    augmentation: AugmentationSettings

    @property
    def sha256(self) -> str:
        """Of every value that has a say in what is trained: not the title, workers or saving."""
        return hash_json(self.model_dump(mode="json", exclude=NOT_TRAINED))


def list_recipes() -> tuple[str, ...]:
    """Names of the recipes that come with the project."""
    files = resources.files("epam").joinpath("recipes").iterdir()
    return tuple(sorted(file.name.removesuffix(SUFFIX) for file in files if file.name.endswith(SUFFIX)))


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Read a recipe by its name, or from a TOML file of the user's.

    Raises:
        UnknownNameError: neither a recipe's name nor a file that ends in ``.toml``.
        InputError: the file cannot be read, or holds anything but one whole recipe.
    """
    name = str(name_or_path)
    if isinstance(name_or_path, str) and name in list_recipes():
        text = resources.files("epam").joinpath("recipes", name + SUFFIX).read_text(encoding="utf-8")
        return parse_recipe(text, origin=f"recipe {name}")
    if not name.endswith(SUFFIX):
        raise UnknownNameError("recipe", printable(name), list_recipes())
    return parse_recipe(_read_text(Path(name)), origin=printable(name))


def parse_recipe(text: str, *, origin: str) -> Recipe:
    """Check a recipe's TOML text; ``origin`` is named in messages.

    Raises:
        InputError: not TOML, or not one whole recipe; the message names field, value and fix.
    """
    try:
        return _checked(tomllib.loads(text), origin)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        reason = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "nested too deeply"
        raise InputError(f"{origin}: not TOML ({reason}); see epam/recipes for examples") from None


def with_changes(recipe: Recipe, changes: Iterable[str]) -> Recipe:
    """The recipe with ``section.field=value`` applied in order, and checked again as a whole.

    Values are TOML (``0.01``, ``true``, ``[2, 3]``); text may go without quotes.

    Raises:
        InputError: no ``=``, no such field, or a value that the field cannot have.
    """
    table = recipe.model_dump()
    for change in changes:
        field, equals, value = change.partition("=")
        if not (equals and field.strip()):
            raise InputError(
                f"{printable(change)!r}: not a change of the recipe; write section.field=value, "
                "for example optimizer.learning_rate=0.01"
            )
        _put(table, field.strip().split("."), _parse_value(value.strip()), change)
    return _checked(table, "the changed recipe")


def recipe_toml(recipe: Recipe) -> str:
    """The recipe as TOML text that reads back equal."""
    lines = [
        f"{name} = {_toml_value(value)}" for name, value in (("name", recipe.name), ("title", recipe.title))
    ]
    for section, values in recipe.model_dump().items():
        if isinstance(values, dict):
            lines += ["", f"[{section}]", *_table_lines(values)]
            lines += [
                line
                for name, inner in values.items()
                if isinstance(inner, dict)
                for line in ("", f"[{section}.{name}]", *_table_lines(inner))
            ]
    return "\n".join(lines) + "\n"


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_RECIPE_BYTES:
            raise InputError(f"{path}: too large for a recipe; see epam/recipes for examples")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text, so not a recipe") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{printable(str(path))}: cannot be read ({reason}); check the path") from None


def _checked(table: Mapping[str, Any], origin: str) -> Recipe:
    try:
        return Recipe.model_validate(table)
    except ValidationError as error:
        raise InputError(f"{origin}: {first_problem(error, Recipe)}") from None


def _put(table: dict[str, Any], path: Sequence[str], value: object, change: str) -> None:
    *sections, field = path
    for section in sections:
        known = [name for name, held in table.items() if isinstance(held, dict)]
        if section in table and section not in known:
            raise InputError(f"{printable(change)!r}: {section} is a value itself; end the name there")
        if section not in known:
            raise UnknownNameError("section of a recipe", printable(section), known)
        table = table[section]
    table[field] = value


def _parse_value(text: str) -> object:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    # A line break could bring a second entry along.
    return parsed["value"] if list(parsed) == ["value"] else text


def _table_lines(values: Mapping[str, Any]) -> list[str]:
    return [
        f"{_toml_key(name)} = {_toml_value(value)}"
        for name, value in values.items()
        if not isinstance(value, dict)
    ]


def _toml_key(name: str) -> str:
    return name if name.isascii() and name.replace("_", "").replace("-", "").isalnum() else _toml_value(name)


def _toml_value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for DEL, which TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, tuple):
        return f"[{', '.join(_toml_value(item) for item in value)}]"
    return repr(value)
