"""The network that answers: built, filled with weights, put on its device, and asked for logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from epam import CheckpointInfo, EPAMLogits, load_checkpoint
from epam.devices import check_device
from epam.errors import InputError
from epam_baselines import create_model
from epam_inference.network_kind import RECIPES, NetworkKind
from epam_inference.results import StreamScores

RANDOM_WEIGHTS_CAVEAT = (
    "the weights are random, for no --checkpoint was given: the scores show that everything runs, "
    "and mean nothing"
)


@dataclass(frozen=True, eq=False)
class Network:
    """A network in evaluation mode on its device.

    Attributes:
        kind: decides which inputs it takes and which streams it gives.
        checkpoint: none when the weights are random.
    """

    module: nn.Module
    kind: NetworkKind
    device: torch.device
    checkpoint: CheckpointInfo | None

    @property
    def name(self) -> str:
        """The model's name in the catalogue."""
        return RECIPES[self.kind].model

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
        streams = RECIPES[self.kind].streams
        by_stream = (output.fused, output.rgb, output.pose) if isinstance(output, EPAMLogits) else (output,)
        if not all(logits.isfinite().all() for logits in by_stream):
            raise InputError(f"{self.name}: the logits are not finite; check the checkpoint's training")
        arrays = [logits.float().cpu().numpy() for logits in by_stream]
        return [dict(zip(streams, rows, strict=True)) for rows in zip(*arrays, strict=True)]


def load_network(
    kind: NetworkKind,
    *,
    num_classes: int,
    checkpoint: Path | None = None,
    device: str = "cpu",
    seed: int = 0,
) -> Network:
    """Build the network; weights from ``checkpoint``, or random ones drawn from ``seed``.

    Raises:
        CheckpointError: the checkpoint is missing, unreadable, or another model's.
        UnknownNameError: another kind of device than ``cpu`` and ``cuda``.
        InputError: a device that this machine lacks, or that has no room.
    """
    torch_device = check_device(device)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        module = create_model(RECIPES[kind].model, num_classes=num_classes)
    loaded = load_checkpoint(module, checkpoint) if checkpoint else None
    try:
        module = module.eval().to(torch_device)
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"device {device!r}: cannot be used ({reason}); try --device cpu") from error
    return Network(module, kind, torch_device, loaded)
