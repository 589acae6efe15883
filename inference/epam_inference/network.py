"""The network that a command asks: of the kind that its options say, or refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from epam.data.data_root import hash_class_names
from epam.data.datasets import custom_protocol, get_dataset
from epam.errors import InputError
from epam_baselines.network import Network, NetworkChoice, choose_network
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
    return load_chosen(tell_other_names(choice, classes), device=device, seed=seed)


def tell_other_names(choice: NetworkChoice, classes: ClassSet) -> NetworkChoice:
    """The same choice, with a caveat if its classes had other names or another order in training."""
    manifest = choice.manifest
    # That it was trained on another data set, its choice says.
    if manifest is None or manifest.dataset != classes.dataset or not _are_named(classes):
        return choice
    if manifest.label_map_sha256 == hash_class_names(classes.names):
        return choice
    fix = "" if get_dataset(classes.dataset).protocols else "; check --class-names"
    told = (
        f"{choice.checkpoint}: was trained on classes of other names, or in another order: what it predicts "
        f"may be called by another class's name{fix}"
    )
    return replace(choice, caveats=(*choice.caveats, told))


def _are_named(classes: ClassSet) -> bool:
    """Whether they have names; a custom data set's may be numbered."""
    numbered = custom_protocol(classes.protocol, num_classes=len(classes.names))
    return classes.names != numbered.class_names
