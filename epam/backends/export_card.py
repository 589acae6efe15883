"""The card of an exported file: what goes in, what comes out, how near it is, and how to run it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from epam.backends.backend import Precision
from epam.errors import printable

CARD_SUFFIXES = (".json", ".md")
"""Behind the file's own name: ``net.onnx.json`` for machines, ``net.onnx.md`` for people."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CardInput(_Frozen):
    """One input of the file.

    Attributes:
        name: as the file has it.
        shape: batch first; the file takes no other.
        meaning: what stands in it, with its range and normalisation, in a sentence.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    meaning: str


class CardOutput(_Frozen):
    """One output of the file: logits, not probabilities."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"


class CardFile(_Frozen):
    """A file that belongs to the export, and the hash of its bytes."""

    name: str
    bytes: int
    sha256: str


class CardEquality(_Frozen):
    """How near the file's logits are to the reference's on the same inputs.

    Attributes:
        reference: what they were compared with.
        inputs: what was given to both.
        without: packages that the process in which the file ran could not import.
    """

    reference: str
    inputs: str
    clips: int
    relative_error: float
    bound: float
    top1_agreement: float
    without: tuple[str, ...]


class ExportCard(_Frozen):
    """All that a user of an exported file has to know.

    Attributes:
        model: name in the catalogue; ``title`` and ``paper`` as tables print them.
        format: of the file.
        format_facts: such as the version of its operations.
        classes: names in the order of the logits; empty where they are not known.
        trained_on: data set and protocol; none where nobody says.
        checkpoint: file name of the weights; none: random weights.
        checkpoint_sha256: of that file's bytes.
        weights_sha256: of names, shapes and values of the weights, whatever file they came from.
        metrics: that the training reported, by name; fractions of 1.
        preparation: how a video becomes inputs, a sentence a step.
        calibration: what the ranges of int8 were found on; none in other precisions.
        caveats: sentences that its answers must not be read without.
        versions: of Python and the libraries that wrote it.
        loading: lines of Python that find ``FILE`` and ``inputs`` and leave ``outputs``.
        libraries: that those lines need.
    """

    schema_version: int = 1
    model: str
    title: str
    paper: str
    format: str
    format_facts: dict[str, str]
    precision: Precision
    files: tuple[CardFile, ...] = Field(min_length=1)
    inputs: tuple[CardInput, ...] = Field(min_length=1)
    outputs: tuple[CardOutput, ...] = Field(min_length=1)
    classes: tuple[str, ...] = ()
    trained_on: str | None
    checkpoint: str | None
    checkpoint_sha256: str | None
    weights_sha256: str
    metrics: dict[str, float] = {}
    preparation: tuple[str, ...] = ()
    calibration: str | None = None
    equality: CardEquality
    caveats: tuple[str, ...] = ()
    licence: str
    versions: dict[str, str]
    loading: str
    libraries: tuple[str, ...]

    @property
    def prediction(self) -> str:
        """How logits become a prediction, in words."""
        if len(self.outputs) == 1:
            return "The class of the largest logit is the prediction; softmax of them gives scores."
        names = " + ".join(output.name for output in self.outputs)
        return (
            f"The streams' logits are added, {names}, and the class of the largest sum is the prediction; "
            "softmax of the sum gives scores. Each stream's logits alone are its own prediction."
        )


def running_code(card: ExportCard) -> str:
    """A whole program that runs the file on an empty clip, in some ten lines."""
    inputs = [
        f'    "{entry.name}": np.zeros({entry.shape}, dtype=np.float32),  # your clip'
        for entry in card.inputs
    ]
    return "\n".join(
        [
            "import numpy as np",
            *[line for line in card.loading.splitlines() if line.startswith("import ")],
            f'FILE = "{card.files[0].name}"',
            "inputs = {",
            *inputs,
            "}",
            *[line for line in card.loading.splitlines() if not line.startswith("import ")],
            "best = np.argmax(sum(outputs), axis=1)  # the class, counted from 0",
        ]
    )


def card_markdown(card: ExportCard) -> str:
    """The card for people."""
    return "\n".join(
        [
            f"# {card.title} as {card.files[0].name}",
            "",
            f"{card.paper}. {_weights(card)} Written as {card.format}, {card.precision}.",
            *_section("Before you trust this", [f"- {caveat}" for caveat in card.caveats]),
            *_section("Inputs", [*_inputs(card), "", *(f"{n}. {step}" for n, step in _numbered(card))]),
            *_section("Outputs", [*_outputs(card), "", card.prediction]),
            *_section("Running it", ["```python", running_code(card), "```"]),
            *_section("Equality", [_equality(card)]),
            *_section("Classes", _classes(card)),
            *_section(
                "Files", [f"- `{file.name}`: {file.bytes} bytes, {file.sha256}" for file in card.files]
            ),
            *_section("Made with", [f"- {name} {value}" for name, value in _facts(card)]),
            *_section("Licence", [card.licence]),
            "",
        ]
    )


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", f"## {title}", "", *lines] if lines else []


def _weights(card: ExportCard) -> str:
    if card.checkpoint is None:
        return "The weights are random."
    trained = f", trained on {card.trained_on}" if card.trained_on else ""
    metrics = "; ".join(f"{name} {100 * value:.1f} %" for name, value in card.metrics.items())
    told = f" Its training reported: {metrics}." if metrics else ""
    return f"Weights: {card.checkpoint}{trained}, SHA-256 of the file {card.checkpoint_sha256}.{told}"


def _inputs(card: ExportCard) -> list[str]:
    return [
        f"- `{entry.name}`: {entry.dtype} {_shape(entry.shape)}. {entry.meaning}" for entry in card.inputs
    ]


def _numbered(card: ExportCard) -> list[tuple[int, str]]:
    return list(enumerate(card.preparation, start=1))


def _outputs(card: ExportCard) -> list[str]:
    return [f"- `{entry.name}`: {entry.dtype} {_shape(entry.shape)}, logits." for entry in card.outputs]


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _equality(card: ExportCard) -> str:
    found = card.equality
    return (
        f"Run in a process that could not import {', '.join(found.without)}, on {found.clips} clips "
        f"({found.inputs}), its logits are within {found.relative_error:.1e} of those of {found.reference}, "
        f"relative to the largest (bound {found.bound:g}); the best class was the same for "
        f"{found.top1_agreement:.0%} of them."
    )


def _classes(card: ExportCard) -> list[str]:
    if not card.classes:
        return ["Their names are not known: nothing says what the network was trained on."]
    return [f"- {index}: {printable(name)}" for index, name in enumerate(card.classes)]


def _facts(card: ExportCard) -> list[tuple[str, str]]:
    calibrated = {"ranges found on": card.calibration} if card.calibration else {}
    return [*card.format_facts.items(), *calibrated.items(), *card.versions.items()]
