"""The network that a command asks: of the kind that its options say, or refused."""

from __future__ import annotations

from pathlib import Path

from epam.errors import InputError
from epam_baselines.network import Network, choose_network
from epam_baselines.network import load_network as load_chosen
from epam_inference.network_kind import DEFAULT_MODELS, NetworkKind
from epam_inference.results import ClassSet

_FIXES: dict[NetworkKind, str] = {
    "multimodal": "ask it with inference/test_multimodal.py",
    "rgb": "ask it with inference/test.py --modality rgb",
    "pose": "ask it with inference/test.py --modality pose",
}


def load_network(
    kind: NetworkKind,
    classes: ClassSet,
    *,
    model: str | None = None,
    checkpoint: Path | None = None,
    device: str = "cpu",
    seed: int = 0,
) -> Network:
    """Build the network; weights from ``checkpoint``, or random ones drawn from ``seed``.

    Args:
        kind: the inputs that the network must take.
        classes: those that it must tell apart.
        model: by default the one that the checkpoint's manifest names, or else the paper's.
        checkpoint: the weights.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        seed: of random weights.

    Raises:
        CheckpointError: the checkpoint is missing, unreadable, or another model's.
        UnknownNameError: no such model or kind of device.
        InputError: a network of another kind or for other classes, or a device that this machine
            lacks or that has no room.
    """
    choice = choose_network(
        model,
        checkpoint=checkpoint,
        dataset=classes.dataset,
        protocol=classes.protocol,
        num_classes=len(classes.names),
        default_model=DEFAULT_MODELS[kind],
    )
    found = choice.spec.pipeline_kind
    if found != kind:
        origin = f"{checkpoint}: holds" if checkpoint else "the model"
        raise InputError(
            f"{origin} {choice.spec.name}, a network of kind {found}, not {kind}; {_FIXES[found]}"
        )
    return load_chosen(choice, device=device, seed=seed)
