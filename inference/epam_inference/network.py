"""The network that answers: built, filled with weights, put on its device, and asked for logits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from epam import EPAMLogits
from epam.errors import InputError
from epam_baselines import create_model
from epam_inference.modality import MODALITIES, Modality
from epam_inference.results import CheckpointIdentity, StreamScores

RANDOM_WEIGHTS_CAVEAT = (
    "the weights are random, for no --checkpoint was given: the scores show that everything runs, "
    "and mean nothing"
)


@dataclass(frozen=True, eq=False)
class Network:
    """A network in evaluation mode on its device.

    Attributes:
        modality: decides which inputs it takes and which streams it gives.
        checkpoint: none when the weights are random.
    """

    module: nn.Module
    modality: Modality
    device: torch.device
    checkpoint: CheckpointIdentity | None

    @property
    def name(self) -> str:
        """The model's name in the catalogue."""
        return MODALITIES[self.modality].model

    @property
    def caveats(self) -> tuple[str, ...]:
        """Sentences that its scores must not be read without."""
        return () if self.checkpoint else (RANDOM_WEIGHTS_CAVEAT,)

    @torch.inference_mode()
    def score(self, clips: Sequence[tuple[Tensor, ...]]) -> list[StreamScores]:
        """Return each clip's logits by stream.

        Args:
            clips: the network's inputs, without the batch dimension, a tuple a clip.

        Raises:
            InputError: a logit is not a number or infinite.
        """
        batch = [torch.stack(inputs).to(self.device) for inputs in zip(*clips, strict=True)]
        try:
            output = self.module(*batch)
        except torch.OutOfMemoryError as error:
            raise InputError(
                f"{self.name}: no memory for {len(clips)} clips on {self.device}; give a smaller --batch-size"
            ) from error
        streams = MODALITIES[self.modality].streams
        by_stream = (output.fused, output.rgb, output.pose) if isinstance(output, EPAMLogits) else (output,)
        if not all(logits.isfinite().all() for logits in by_stream):
            raise InputError(f"{self.name}: the logits are not finite; check the checkpoint's training")
        arrays = [logits.float().cpu().numpy() for logits in by_stream]
        return [dict(zip(streams, rows, strict=True)) for rows in zip(*arrays, strict=True)]


def load_network(
    modality: Modality,
    *,
    num_classes: int,
    checkpoint: Path | None = None,
    device: str = "cpu",
    seed: int = 0,
) -> Network:
    """Build the modality's network; weights from ``checkpoint``, or random ones drawn from ``seed``.

    Raises:
        CheckpointError: the checkpoint is missing, unreadable, or another model's.
        InputError: the device does not exist.
    """
    torch_device = _check_device(device)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        module = create_model(MODALITIES[modality].model, num_classes=num_classes, checkpoint=checkpoint)
    return Network(
        module.eval().to(torch_device), modality, torch_device, _identify(checkpoint) if checkpoint else None
    )


def _check_device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"--device {name}: cannot be used here ({reason}); try --device cpu") from error
    return device


def _identify(checkpoint: Path) -> CheckpointIdentity:
    with checkpoint.open("rb") as file:
        return CheckpointIdentity(str(checkpoint), hashlib.file_digest(file, "sha256").hexdigest())
