"""A network with its weights: chosen by name or by its checkpoint's manifest, built, and asked for logits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from epam.backends import optimize
from epam.backends.backend import Inputs, Output, Precision
from epam.checkpoints import CheckpointInfo, load_checkpoint
from epam.data.clip_size import ClipSize
from epam.devices import check_device
from epam.errors import EpamError, InputError, printable
from epam.streams import stream_logits
from epam.training.trained_model import TrainedModel, read_trained_model
from epam_baselines.catalogue import find_spec
from epam_baselines.custom_models import is_import_path
from epam_baselines.inputs import example_inputs, with_clip_size
from epam_baselines.specification import ModelSpec, Options, build_model

RANDOM_WEIGHTS_CAVEAT = (
    "the weights are random, for no --checkpoint was given: the scores show that everything runs, "
    "and mean nothing"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkChoice:
    """Which network is meant; nothing has been loaded yet.

    Attributes:
        spec: the model, for the clips that it is going to see.
        options: changes to the model's options.
        num_classes: width of the logits.
        checkpoint: the file of its weights; none for random ones.
        manifest: what the training wrote beside the weights; none for published files.
        caveats: sentences that the network's scores must not be read without.
    """

    spec: ModelSpec
    options: Mapping[str, object]
    num_classes: int
    checkpoint: Path | None = None
    manifest: TrainedModel | None = None
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A network on its device, in evaluation mode when it comes from :func:`load_network`.

    Attributes:
        module: gives ``(N, K)`` logits, or ``EPAMLogits``.
        spec: the model, for the clips that it sees.
        options: changes to the model's options that it was built with.
        num_classes: K.
        device: where its weights are.
        checkpoint: none when the weights are random.
        manifest: what the training wrote beside the weights; none for published files.
        caveats: sentences that its scores must not be read without.
        form: what is called in place of the module: its fast form; none: the module itself.
    """

    module: nn.Module
    spec: ModelSpec
    options: Mapping[str, object] = field(default_factory=dict)
    num_classes: int
    device: torch.device
    checkpoint: CheckpointInfo | None = None
    manifest: TrainedModel | None = None
    caveats: tuple[str, ...] = ()
    form: Callable[..., Output] | None = None

    @property
    def default_stream(self) -> str:
        """Name of the logits of a network that gives only one kind of them."""
        kind = self.spec.pipeline_kind
        return "fused" if kind == "multimodal" else kind

    def call(self, *inputs: Tensor) -> Output:
        """Logits of a batch on the network's device, by its fast form where it has one."""
        return (self.form or self.module)(*inputs)

    @torch.inference_mode()
    def score(self, inputs: Sequence[Tensor]) -> dict[str, NDArray[np.float32]]:
        """Return one clip's ``(K,)`` logits by stream, the one to rank by first.

        Args:
            inputs: in the order of ``forward``, without the batch dimension.

        Raises:
            InputError: a logit is not a number or infinite, or the device has no room.
        """
        try:
            output = self.call(*(tensor[None].to(self.device) for tensor in inputs))
        except torch.OutOfMemoryError:
            raise InputError(
                f"{self.spec.name}: no memory for one clip on {self.device}; try --device cpu"
            ) from None
        streams = stream_logits(output, default=self.default_stream)
        if not all(logits.isfinite().all() for logits in streams.values()):
            raise InputError(f"{self.spec.name}: the logits are not finite; check the checkpoint's training")
        return {stream: logits[0].float().cpu().numpy() for stream, logits in streams.items()}


def choose_network(
    model: str | None,
    *,
    checkpoint: Path | None = None,
    dataset: str | None = None,
    protocol: str | None = None,
    num_classes: int | None = None,
    options: Options | None = None,
    clip: ClipSize | None = None,
    default_model: str | None = None,
) -> NetworkChoice:
    """Settle which network is meant, and refuse what contradicts the manifest of its weights.

    The weights' own manifest, which ``epam-train`` writes beside them, tells the model, its
    options, classes and clip. What the caller gives must agree with it.

    Args:
        model: a name of the catalogue, or ``package.module:factory``; none: as the manifest says.
        checkpoint: the weights; none: random ones.
        dataset: the data set that the network will be asked about, and ``protocol`` its protocol.
        protocol: see ``dataset``.
        num_classes: of the protocol; none: the manifest's, or else the published number.
        options: changes to the model's options; none: the manifest's.
        clip: size of the clips; none: the manifest's, or else the published one.
        default_model: the model where neither the caller nor a manifest names one.

    Raises:
        UnknownNameError: no such model or option.
        InputError: a contradiction, a clip that the network cannot take, or a manifest that names
            code to import where the caller has not named the same.
        CheckpointError: a manifest that is damaged or of other weights.
    """
    manifest = read_trained_model(checkpoint) if checkpoint else None
    name = _settle_model(model, checkpoint, manifest, default_model)
    spec = find_spec(name)
    given = spec.check_options(options or {})
    caveats: tuple[str, ...] = ()
    if manifest is not None and checkpoint is not None:
        trained = spec.check_options(manifest.options)
        _check_agreement(checkpoint, manifest, {**spec.options, **trained}, given, clip)
        _check_classes(checkpoint, manifest, num_classes, dataset, protocol)
        given, clip, num_classes = trained, manifest.clip_size, manifest.num_classes
        caveats = _other_training_data(checkpoint, manifest, dataset, protocol)
    if checkpoint is None:
        caveats = (RANDOM_WEIGHTS_CAVEAT,)
    choice = NetworkChoice(
        spec=with_clip_size(spec, clip) if clip else spec,
        options=given,
        num_classes=spec.num_classes if num_classes is None else num_classes,
        checkpoint=checkpoint,
        manifest=manifest,
        caveats=caveats,
    )
    # The catalogue's own networks fit their own clips: a test says so.
    if clip or given or is_import_path(name):
        _check_clip(choice)
    return choice


def load_network(choice: NetworkChoice, *, device: str | torch.device = "cpu", seed: int = 0) -> Network:
    """Build the network; weights from its checkpoint, or random ones drawn from ``seed``.

    Raises:
        CheckpointError: the checkpoint is missing, unreadable, or another model's.
        UnknownNameError: another kind of device than ``cpu`` and ``cuda``.
        InputError: a device that this machine lacks, or that has no room.
    """
    torch_device = check_device(str(device))
    module = _build(choice, seed)
    loaded = load_checkpoint(module, choice.checkpoint) if choice.checkpoint else None
    try:
        module = module.eval().to(torch_device)
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"device {str(device)!r}: cannot be used ({reason}); try --device cpu") from error
    return Network(
        module=module,
        spec=choice.spec,
        options=choice.options,
        num_classes=choice.num_classes,
        device=torch_device,
        checkpoint=loaded,
        manifest=choice.manifest,
        caveats=choice.caveats,
    )


def with_fast_form(
    network: Network,
    *,
    backend: str,
    precision: Precision = "fp32",
    threads: int | None = None,
    calibration: Iterable[Inputs] = (),
) -> Network:
    """The same network, run by a backend on one clip at a time.

    Args:
        network: with its weights; it is not changed.
        backend: one of :func:`epam.backends.list_backends`.
        precision: of the arithmetic.
        threads: of a CPU; none: as many as PyTorch uses.
        calibration: for int8, some dozens of real inputs, each with a batch dimension.

    Raises:
        UnknownNameError: no such backend or precision.
        BackendError: the backend lacks a library, the precision or the device, or cannot run it.
    """
    form = optimize(
        network.module,
        backend=backend,
        precision=precision,
        example_inputs=example_inputs(network.spec),
        device=network.device,
        threads=threads,
        calibration=calibration,
    )
    return replace(network, form=form)


def _build(choice: NetworkChoice, seed: int) -> nn.Module:
    try:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            return build_model(choice.spec, num_classes=choice.num_classes, options=choice.options)
    # PyTorch has no error of its own for memory that a CPU does not have.
    except (RuntimeError, MemoryError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{choice.spec.name}: cannot be built ({reason}); is it meant so large?") from error


def _settle_model(
    model: str | None, checkpoint: Path | None, manifest: TrainedModel | None, default: str | None
) -> str:
    if manifest is None:
        if chosen := model or default:
            return chosen
        raise InputError(
            f"{checkpoint or 'no checkpoint'}: nothing says which model it is of; name it with --model"
        )
    named = printable(manifest.model)
    if model is None and is_import_path(manifest.model):
        raise InputError(
            f"{checkpoint}: its manifest names the model {named!r}, which is code that would be run; if you "
            f"trust it, say so with --model {named}"
        )
    if model is not None and model != manifest.model:
        raise InputError(f"{checkpoint}: holds weights of {named}, and the model asked for is {model}")
    return manifest.model


def _check_agreement(
    checkpoint: Path,
    manifest: TrainedModel,
    trained: Mapping[str, object],
    given: Mapping[str, object],
    clip: ClipSize | None,
) -> None:
    for name, value in given.items():
        if value != trained[name]:
            raise InputError(
                f"{checkpoint}: was trained with {name} = {trained[name]!r}, and {value!r} was asked for; "
                "leave the option out"
            )
    if clip is not None and clip != manifest.clip_size:
        raise InputError(
            f"{checkpoint}: was trained on clips of {_described(manifest.clip_size)}, and "
            f"{_described(clip)} were asked for; leave the size out"
        )


def _check_classes(
    checkpoint: Path,
    manifest: TrainedModel,
    num_classes: int | None,
    dataset: str | None,
    protocol: str | None,
) -> None:
    if num_classes in (None, manifest.num_classes):
        return
    asked = f"{dataset} {protocol} has {num_classes}" if dataset else f"{num_classes} were asked for"
    raise InputError(
        f"{checkpoint}: has {manifest.num_classes} classes, and {asked}; choose the data set that it was "
        f"trained on, {_training_data(manifest)}"
    )


def _other_training_data(
    checkpoint: Path, manifest: TrainedModel, dataset: str | None, protocol: str | None
) -> tuple[str, ...]:
    if dataset is None or (dataset, protocol) == (manifest.dataset, manifest.protocol):
        return ()
    consequence = (
        "samples that it was trained on may be among those that it is asked about"
        if dataset == manifest.dataset
        else "its classes may mean something else there"
    )
    return (
        f"{checkpoint}: was trained on {_training_data(manifest)}, and is asked about {dataset} {protocol}: "
        f"{consequence}",
    )


def _training_data(manifest: TrainedModel) -> str:
    return printable(f"{manifest.dataset} {manifest.protocol}")


def _described(clip: ClipSize) -> str:
    return f"{clip.rgb_frames}×{clip.frame_side}² RGB and {clip.pose_frames}×{clip.heatmap_side}² heatmaps"


def _check_clip(choice: NetworkChoice) -> None:
    """Refuse a clip that the network cannot take before anything slow is begun: no numbers are computed."""
    spec = choice.spec
    try:
        with torch.random.fork_rng(devices=()), torch.device("meta"):
            module = build_model(spec, num_classes=choice.num_classes, options=choice.options).eval()
            output = module(*example_inputs(spec, device="meta"))
    except EpamError:
        raise
    except NotImplementedError:
        return  # an operation of the user's that has no form without numbers
    except RuntimeError as error:
        sizes = ", ".join(f"{name} {'×'.join(map(str, shape[1:]))}" for name, shape in spec.inputs.items())
        reason = str(error).partition("\n")[0]
        raise InputError(f"{spec.name}: cannot take a clip of {sizes} ({reason})") from None
    for logits in stream_logits(output, default="single").values():
        if logits.shape != (1, choice.num_classes):
            raise InputError(
                f"{spec.name}: gives logits of shape {tuple(logits.shape)} for {choice.num_classes} classes; "
                "build the network with num_classes"
            )
