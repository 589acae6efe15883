"""The files of a training run: states to go on from, and the models ``last`` and ``best``."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import safetensors
import safetensors.torch
from torch import Tensor, nn

from epam.atomic_file import atomic_path
from epam.checkpoints import hash_weights, save_checkpoint
from epam.errors import CheckpointError
from epam.training.strict_model import hash_json
from epam.training.trained_model import (
    MANIFEST_SUFFIX,
    PENDING_SUFFIX,
    WEIGHTS_SUFFIX,
    TrainedModel,
    manifest_text,
    read_trained_model,
)

JSON = None | bool | int | float | str | list[Any] | dict[str, Any]
Which = Literal["last", "best"]

KEPT_STATES = 2
"""The newest, and the one to fall back on."""

STATE_FORMAT = "epam training state 1"
STATE_FIELDS = {"format", "step", "tensors_sha256", "facts", "sha256"}
LARGEST_STATE_MANIFEST_BYTES = 64_000_000
_STATE_NAME = re.compile(r"step-(\d{8,})")


@dataclass(frozen=True)
class SavedState:
    """A state as it was saved.

    Attributes:
        tensors: on the CPU.
        complaints: a line for each newer state that was damaged, and so passed over.
    """

    tensors: dict[str, Tensor]
    facts: dict[str, JSON]
    step: int
    path: Path
    complaints: tuple[str, ...] = ()


class CheckpointFolder:
    """What a run leaves on disk; every file appears whole or not at all, with its hash beside it.

    ::

        RUN/states/step-00000120.safetensors, .json    tensors; facts and sha256 of both
        RUN/last.safetensors, best.safetensors         weights, as ``epam.save_checkpoint`` writes them
        RUN/last.json, best.json                       ``TrainedModel``

    Two files cannot be replaced at once. The manifest is therefore first written as
    ``NAME.next.json``, then the tensors, then the manifest takes its name: whenever the writer is
    killed, one of the two manifests is that of the tensors, and readers take that one.

    One process writes into a run's folder at a time.
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        self.states = run / "states"

    def save_state(self, tensors: Mapping[str, Tensor], facts: Mapping[str, JSON], *, step: int) -> Path:
        """Save a state and delete all but the newest two; returns the tensors' path.

        The same tensors and facts give the same bytes. States of later steps are deleted: they
        belong to a run that fell back behind them.

        Args:
            tensors: on any device; saved contiguous, on the CPU.
            facts: JSON values, finite.
            step: optimizer steps made so far.

        Raises:
            CheckpointError: a file cannot be written; what was there before is still usable.
        """
        path = self._state(step)
        own = {key: value.detach().cpu().clone().contiguous() for key, value in tensors.items()}
        with (
            _told_as_unwritable(path),
            _pending_manifest(path, _is_manifest_of_state) as pending,
            atomic_path(path) as temporary,
        ):
            safetensors.torch.save_file(own, temporary)
            pending(_state_manifest(step, _hash_file(temporary), facts))
        self._drop_states(step)
        return path

    def load_newest(self) -> SavedState | None:
        """The newest state that is whole; none where nothing was saved.

        Raises:
            CheckpointError: states exist and none can be used; the message says why of each.
        """
        complaints: list[str] = []
        for step in sorted(self._steps(), reverse=True):
            path = self._state(step)
            try:
                tensors, facts = _read_state(path, step)
            except CheckpointError as error:
                complaints.append(str(error))
                continue
            return SavedState(tensors, facts, step, path, tuple(complaints))
        if complaints:
            raise CheckpointError(
                f"{self.states}: no usable state to resume from ({'; '.join(complaints)}); start again with "
                "--overwrite, or in another folder"
            )
        return None

    def save_model(self, which: Which, module: nn.Module, trained: TrainedModel) -> Path:
        """Save weights and manifest as ``last`` or ``best``; returns the weights' path.

        The manifest's ``weights_sha256`` is set to that of the weights written.

        Raises:
            CheckpointError: weights that are not finite, or a file that cannot be written; what was
                there before is still usable.
        """
        path = self.run / f"{which}{WEIGHTS_SUFFIX}"
        state = module.state_dict()
        for key, value in state.items():
            if value.is_floating_point() and not bool(value.isfinite().all()):
                raise CheckpointError(
                    f"{path}: not written, {key} holds NaN or infinite values: the run diverged; lower the "
                    "learning rate"
                )
        trained = trained.model_copy(update={"weights_sha256": hash_weights(state)})
        with _told_as_unwritable(path), _pending_manifest(path, _is_manifest_of_model) as pending:
            pending(manifest_text(trained))
            save_checkpoint(module, path)
        return path

    def clean_up(self) -> None:
        """Remove what killed writers left: temporaries, half-removed states, and states beyond two.

        For the start of a run, when nobody else writes into its folder.
        """
        for folder, stem in ((self.run, "last"), (self.run, "best"), (self.states, "step-*")):
            for left in folder.glob(f".{stem}.*.tmp"):
                left.unlink(missing_ok=True)
        for manifest in self.states.glob(f"step-*{MANIFEST_SUFFIX}"):
            if not (self.states / (manifest.name.partition(".")[0] + WEIGHTS_SUFFIX)).exists():
                manifest.unlink(missing_ok=True)
        self._drop_states(None)

    def _state(self, step: int) -> Path:
        return self.states / f"step-{step:08d}{WEIGHTS_SUFFIX}"

    def _steps(self) -> list[int]:
        names = [_STATE_NAME.fullmatch(path.stem) for path in self.states.glob(f"step-*{WEIGHTS_SUFFIX}")]
        return [int(match.group(1)) for match in names if match]

    def _drop_states(self, newest: int | None) -> None:
        steps = sorted(self._steps())
        kept = [step for step in steps if newest is None or step <= newest][-KEPT_STATES:]
        for step in steps:
            if step not in kept:
                path = self._state(step)
                # The tensors first: a manifest alone is no state, tensors alone are a damaged one.
                for file in (path, path.with_suffix(MANIFEST_SUFFIX), path.with_suffix(PENDING_SUFFIX)):
                    file.unlink(missing_ok=True)


@contextmanager
def _told_as_unwritable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, safetensors.SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise CheckpointError(
            f"{path}: cannot be written ({reason}); check the folder, its permissions and the free disk, "
            "then resume"
        ) from None


@contextmanager
def _pending_manifest(
    path: Path, is_manifest_of: Callable[[Path, Path], bool]
) -> Iterator[Callable[[str], None]]:
    """Yield what writes the manifest under its pending name; on leaving it takes its own.

    On an error the pending one stays: if the tensors got into their place, it is theirs. So an
    earlier one that is theirs takes its name before it would be written over.
    """
    pending, manifest = path.with_suffix(PENDING_SUFFIX), path.with_suffix(MANIFEST_SUFFIX)
    if pending.exists() and is_manifest_of(pending, path):
        pending.replace(manifest)

    def write(text: str) -> None:
        with atomic_path(pending) as temporary:
            temporary.write_text(text, encoding="utf-8")

    yield write
    pending.replace(manifest)


def _is_manifest_of_state(manifest: Path, path: Path) -> bool:
    entries = _read_state_manifest(manifest)
    return entries is not None and path.exists() and entries["tensors_sha256"] == _hash_file(path)


def _is_manifest_of_model(manifest: Path, path: Path) -> bool:
    try:
        trained = read_trained_model(path) if path.exists() else None
    except CheckpointError:
        return False
    return trained is not None and manifest.read_text(encoding="utf-8") == manifest_text(trained)


def _state_manifest(step: int, tensors_sha256: str, facts: Mapping[str, JSON]) -> str:
    entries = {"format": STATE_FORMAT, "step": step, "tensors_sha256": tensors_sha256, "facts": dict(facts)}
    return json.dumps({**entries, "sha256": hash_json(entries)}, sort_keys=True, allow_nan=False) + "\n"


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_state(path: Path, step: int) -> tuple[dict[str, Tensor], dict[str, JSON]]:
    """Read a state whose every byte is as it was written, or raise CheckpointError."""
    try:
        # Read once: what is hashed is what is used.
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from None
    digest = hashlib.sha256(data).hexdigest()
    facts = _facts_for(path, step, digest)
    try:
        return safetensors.torch.load(data), facts
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path}: damaged safetensors file ({error})") from None


def _facts_for(path: Path, step: int, tensors_sha256: str) -> dict[str, JSON]:
    """The facts of the manifest that was written for these tensors, be it pending or in its place."""
    reasons = []
    for suffix in (MANIFEST_SUFFIX, PENDING_SUFFIX):
        manifest = path.with_suffix(suffix)
        if not manifest.is_file():
            continue
        entries = _read_state_manifest(manifest)
        if entries is None:
            reasons.append(f"{manifest.name} is damaged")
        elif entries["tensors_sha256"] != tensors_sha256:
            reasons.append(f"its sha256 is not the one in {manifest.name}, so it is damaged")
        elif entries["step"] != step:
            reasons.append(f"{manifest.name} is of step {entries['step']}")
        else:
            return entries["facts"]
    raise CheckpointError(f"{path}: {reasons[0] if reasons else 'its manifest is missing'}")


def _read_state_manifest(path: Path) -> dict[str, Any] | None:
    """The entries of a state's manifest; none when anything in it is not as it was written."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_STATE_MANIFEST_BYTES + 1)
        entries = json.loads(data) if len(data) <= LARGEST_STATE_MANIFEST_BYTES else None
        if not isinstance(entries, dict) or set(entries) != STATE_FIELDS:
            return None
        written = entries.pop("sha256")
        whole = hash_json(entries) == written and entries["format"] == STATE_FORMAT
    except (OSError, ValueError, RecursionError):
        return None
    return entries if whole and isinstance(entries["facts"], dict) else None
