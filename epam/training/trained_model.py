"""What is known of trained weights: a manifest beside the file, enough to rebuild the network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import safetensors
from pydantic import Field, NonNegativeInt, PositiveInt, ValidationError

from epam.atomic_file import write_atomically
from epam.checkpoints import HASH_FIELD, hash_weights
from epam.errors import CheckpointError, printable
from epam.training.recipe import ClipSettings, Recipe
from epam.training.strict_model import OptionValue, Sha256, StrictModel, first_problem

if TYPE_CHECKING:
    from epam.data.clip_size import ClipSize

WEIGHTS_SUFFIX = ".safetensors"
MANIFEST_SUFFIX = ".json"
PENDING_SUFFIX = ".next.json"
"""A manifest whose weights are about to be put in their place; read where the other does not fit them."""

LARGEST_MANIFEST_BYTES = 4_000_000
Text = Annotated[str, Field(min_length=1, max_length=500)]


class Parent(StrictModel):
    """The weights that a stream started from."""

    stream: Literal["pose", "rgb"]
    path: Text
    weights_sha256: Sha256


class TrainedRecipe(StrictModel):
    """The recipe as it was followed, changes of the command line included."""

    name: Text
    sha256: Sha256
    contents: Recipe

    @classmethod
    def of(cls, recipe: Recipe) -> TrainedRecipe:
        """A recipe with its name and hash."""
        return cls(name=recipe.name, sha256=recipe.sha256, contents=recipe)


class TrainedModel(StrictModel):
    """Which network the weights are of, and how and on what they were trained.

    Attributes:
        weights_sha256: as ``epam.checkpoints.hash_weights`` has it; ties the manifest to its file.
        model: a name of the catalogue, or ``package.module:factory``.
        options: of the network, as it was built.
        clip: sizes of its inputs.
        split_sha256: of the training samples; ``label_map_sha256`` of the class names in order.
        epoch: epochs finished; ``step``: optimizer steps made.
        metrics: fractions of 1 on the evaluated split, by name; empty before the first evaluation.
        versions: of Python and the libraries that touch the weights.
        threads: that computed; another number gives other bits.
        parents: what the streams started from.
    """

    schema_version: Literal[1] = 1
    weights_sha256: Sha256
    model: Text
    options: dict[str, OptionValue]
    num_classes: PositiveInt
    clip: ClipSettings
    dataset: Text
    protocol: Text
    split_sha256: Sha256
    label_map_sha256: Sha256
    recipe: TrainedRecipe
    epoch: NonNegativeInt
    step: NonNegativeInt
    metrics: dict[str, float] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    threads: PositiveInt
    parents: tuple[Parent, ...] = ()

    @property
    def clip_size(self) -> ClipSize:
        """Sizes of the network's inputs, as the pipelines take them."""
        return self.clip.size


def manifest_path(checkpoint: Path) -> Path:
    """Where the manifest of a weights file is."""
    return checkpoint.with_suffix(MANIFEST_SUFFIX)


def write_trained_model(checkpoint: Path, trained: TrainedModel) -> Path:
    """Write the manifest beside a weights file, atomically; returns its path.

    Raises:
        InputError: it cannot be written; an older one is untouched.
    """
    return write_atomically(manifest_path(checkpoint), manifest_text(trained))


def manifest_text(trained: TrainedModel) -> str:
    """The manifest as JSON: the same model, the same bytes."""
    return trained.model_dump_json(indent=2) + "\n"


def read_trained_model(checkpoint: Path) -> TrainedModel | None:
    """Read the manifest beside a safetensors file; none where there is none, or for another format.

    The file is hostile until checked: size, fields, types, and that it was written for these
    weights. A run that was killed between writing weights and manifest left the latter under
    ``NAME.next.json``, which is found.

    Raises:
        CheckpointError: the manifest is unreadable, another program's, or of other weights.
    """
    if checkpoint.suffix != WEIGHTS_SUFFIX:
        return None
    named = manifest_path(checkpoint)
    candidates = [path for path in (named, checkpoint.with_suffix(PENDING_SUFFIX)) if path.is_file()]
    if not candidates:
        return None
    weights_sha256 = _hash_of_file(checkpoint)
    manifests = [_read(path) for path in candidates]
    for manifest in manifests:
        if manifest.weights_sha256 == weights_sha256:
            return manifest
    raise CheckpointError(
        f"{candidates[0]}: written for other weights than {checkpoint.name} holds "
        f"({manifests[0].weights_sha256[:12]}…, not {weights_sha256[:12]}…); bring the two files of one run "
        "together, or move the manifest away"
    )


def _read(path: Path) -> TrainedModel:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_MANIFEST_BYTES + 1)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from None
    if len(data) > LARGEST_MANIFEST_BYTES:
        raise CheckpointError(f"{path}: too large for a manifest of trained weights; move it away")
    try:
        return TrainedModel.model_validate_json(data)
    except ValidationError as error:
        raise CheckpointError(f"{path}: not a manifest of trained weights; {_told(error)}") from None


def _told(error: ValidationError) -> str:
    if error.errors(include_context=False)[0]["type"] == "json_invalid":
        return "it is not JSON: damaged, or another program's; move it away, or copy it again"
    return f"{first_problem(error, TrainedModel)}; move it away, or copy it again"


def _hash_of_file(checkpoint: Path) -> str:
    """The hash written with the weights, which loading checks, or else computed from them."""
    try:
        with safetensors.safe_open(checkpoint, framework="pt") as file:
            written = (file.metadata() or {}).get(HASH_FIELD)
            if written is not None:
                return printable(written)
            return hash_weights({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
    except FileNotFoundError:
        raise CheckpointError(f"{checkpoint}: no such checkpoint") from None
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{checkpoint}: damaged safetensors file ({error}); copy it again") from None
