"""Weights to and from files: our safetensors, and the published pickles read without running them."""

from __future__ import annotations

import hashlib
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from epam.atomic_file import atomic_path
from epam.errors import CheckpointError, printable
from epam.file_signature import describe_placeholder

StateDict = dict[str, Tensor]


class _Ignored:
    """Stands for what a training run saved beside its weights: made, never looked at."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


# A published file often holds its best accuracy as a NumPy scalar. None of NumPy's own code runs:
# each name gets a class of its own that does nothing.
_IGNORED_GLOBALS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (type(f"Ignored{number}", (_Ignored,), {}), name)
    for number, name in enumerate(
        (
            "numpy._core.multiarray.scalar",
            "numpy.core.multiarray.scalar",
            "numpy._core.multiarray._reconstruct",
            "numpy.core.multiarray._reconstruct",
            "numpy.dtype",
            "numpy.ndarray",
            "_codecs.encode",
        )
    )
]

WEIGHT_ENTRIES = ("model_state_dict", "state_dict")
"""Where published files keep the weights; without either, the file itself is the state dict."""

HASH_FIELD = "weights_sha256"
CLASSIFIER_BIASES = ("fc_cls.bias", "cls_head.fc.bias", "cls_head.fc2.bias", "fc_rgb.bias", "fc_pose.bias")
"""As long as there are classes, in the networks of EPAM-Net's, MMAction2's and PYSKL's code."""
LISTED_KEYS = 8
"""A message names this many keys of each kind, then counts the rest."""


@dataclass(frozen=True)
class CheckpointInfo:
    """Which weights were loaded.

    Attributes:
        path: the file.
        format: ``safetensors`` (ours) or ``published`` (a pickled ``.pth``).
        weights_sha256: of the weights as loaded, names and shapes included; the same weights have
            the same hash in either format.
    """

    path: Path
    format: Literal["safetensors", "published"]
    weights_sha256: str


def load_checkpoint(
    model: nn.Module, path: str | Path, *, ignored_prefixes: tuple[str, ...] = ()
) -> CheckpointInfo:
    """Load all of a model's weights, or none and say what is wrong.

    Reads our safetensors files and published ``.pth`` files: weights under ``model_state_dict``,
    under ``state_dict`` or bare, keys with or without ``module.`` in front, convolution weights
    with a time axis of length 1. Pickles are never executed (``weights_only``).

    A file may lack what is no weight: a norm's count of batches, as files converted from Caffe2 do,
    and buffers that a module computes and names in ``computed_buffers``.

    Args:
        model: its names and shapes are what the file must have, exactly.
        path: the file.
        ignored_prefixes: weights under these names are another part's, and left in the file.

    Raises:
        CheckpointError: the file is missing, damaged, unsafe, or another model's; the message
            lists missing, surplus and mis-shaped keys. The model is as it was.
    """
    path = Path(path)
    kind, state = _read_weights(path)
    state = _with_model_names(state, model, path)
    state = {key: value for key, value in state.items() if not key.startswith(ignored_prefixes)}
    _check_kinds(state, path)
    target = model.state_dict()
    state = {**_replaceable(model, target), **state}
    state = {key: _with_model_shape(value, target.get(key)) for key, value in state.items()}
    _check_fits(state, target, path)
    state = {key: value.to(target[key].dtype) for key, value in state.items()}
    _check_values(state, path)
    model.load_state_dict(state, strict=True)
    return CheckpointInfo(path=path, format=kind, weights_sha256=hash_weights(model.state_dict()))


def save_checkpoint(model: nn.Module, path: str | Path) -> str:
    """Write the weights as safetensors, atomically, with their sha256 inside; return the latter.

    Raises:
        CheckpointError: the file cannot be written; an older one of that name is untouched.
    """
    path = Path(path)
    state = _own_copies(model.state_dict())
    digest = hash_weights(state)
    try:
        with atomic_path(path) as temporary:
            # One entry alone: of several, the library's order differs from file to file.
            safetensors.torch.save_file(state, temporary, metadata={HASH_FIELD: digest})
    except (OSError, safetensors.SafetensorError) as error:
        raise _unwritable(path, error) from None
    return digest


def export_published(model: nn.Module, path: str | Path) -> None:
    """Write the weights as the published code would: ``.pth``, 3-D names and shapes.

    Raises:
        CheckpointError: the file cannot be written; an older one of that name is untouched.
    """
    path = Path(path)
    try:
        with atomic_path(path) as temporary:
            torch.save({"model_state_dict": published_state(model)}, temporary)
    except (OSError, RuntimeError) as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: Exception) -> CheckpointError:
    reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
    return CheckpointError(
        f"{path}: cannot be written ({reason}); check the folder, its permissions and the free disk"
    )


def published_state(model: nn.Module) -> StateDict:
    """The state dict in the published shapes: 2-D convolution weights get a time axis of length 1."""
    state = _own_copies(model.state_dict())
    convolutions = {f"{name}.weight" for name, part in model.named_modules() if isinstance(part, nn.Conv2d)}
    return {key: value.unsqueeze(2) if key in convolutions else value for key, value in state.items()}


def hash_weights(state: Mapping[str, Tensor]) -> str:
    """sha256 over names, types, shapes and values, in the order of names."""
    digest = hashlib.sha256()
    for key in sorted(state):
        value = state[key].detach().cpu().contiguous()
        digest.update(f"{key}|{value.dtype}|{tuple(value.shape)}|".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _own_copies(state: Mapping[str, Tensor]) -> StateDict:
    return {key: value.detach().cpu().clone().contiguous() for key, value in state.items()}


def _read_weights(path: Path) -> tuple[Literal["safetensors", "published"], StateDict]:
    try:
        if path.exists() and not path.is_file():
            raise CheckpointError(
                f"{path}: cannot be read as a checkpoint: it is a folder or a device, not a file"
            )
        with path.open("rb") as file:
            head = file.read(512)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise CheckpointError(f"{printable(str(path))}: not a path ({error})") from None
    if problem := describe_placeholder(head):
        raise CheckpointError(f"{path}: {problem}")
    if head[8:9] == b"{":
        return "safetensors", _read_safetensors(path)
    return "published", _read_published(path)


def _read_safetensors(path: Path) -> StateDict:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path}: damaged safetensors file ({error}); download or save it again"
        ) from None
    expected = metadata.get(HASH_FIELD)
    if expected is not None and hash_weights(state) != expected:
        raise CheckpointError(
            f"{path}: the weights do not have the sha256 written with them; the file is damaged"
        )
    return state


def _read_published(path: Path) -> StateDict:
    if zipfile.is_zipfile(path):
        _check_archive(path)
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_IGNORED_GLOBALS):
            # A pickle of another protocol makes torch warn; whether it loads is all that matters.
            warnings.simplefilter("ignore")
            payload = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{path}: {_refusal(error)}") from None
    except MemoryError:
        raise CheckpointError(
            f"{path}: declares more data than there is memory; the file is damaged"
        ) from None
    # Damaged input reaches torch's readers as whatever error they first stumble over.
    except Exception as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise CheckpointError(f"{path}: not a readable checkpoint ({reason}); download it again") from None
    return _find_weights(payload, path)


def _refusal(error: Exception) -> str:
    named = re.search(r"GLOBAL (\S+)", str(error))
    if named:
        return (
            f"loading it would run {printable(named.group(1))}, so it was refused; ask its "
            "author for a file that holds the state_dict alone"
        )
    return "damaged, or not a checkpoint of plain tensors, and refused; download it again"


def _check_archive(path: Path) -> None:
    """Refuse what could unpack to more than the file: torch itself never compresses."""
    try:
        members = zipfile.ZipFile(path).infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise CheckpointError(f"{path}: damaged archive ({error}); download it again") from None
    if any(member.filename.endswith("/constants.pkl") for member in members):
        raise CheckpointError(
            f"{path}: a TorchScript program, not a checkpoint; save the state_dict of the model behind it"
        )
    compressed = [member.filename for member in members if member.compress_type != zipfile.ZIP_STORED]
    if compressed:
        raise CheckpointError(
            f"{path}: member {compressed[0]!r} is compressed, which PyTorch never writes; refused"
        )
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise CheckpointError(f"{path}: its members declare more bytes than the file has; refused")


def _find_weights(payload: object, path: Path) -> StateDict:
    if isinstance(payload, Mapping):
        for entry in WEIGHT_ENTRIES:
            if isinstance(payload.get(entry), Mapping):
                payload = payload[entry]
                break
    if not isinstance(payload, Mapping) or not payload:
        raise CheckpointError(
            f"{path}: holds no weights: expected a dict of tensors, or one under "
            f"{' or '.join(map(repr, WEIGHT_ENTRIES))}, got {type(payload).__name__}"
        )
    for key, value in payload.items():
        if not isinstance(key, str):
            raise CheckpointError(f"{path}: a weight's name is of type {type(key).__name__}, not text")
        if not isinstance(value, Tensor):
            kind = type(value).__name__
            raise CheckpointError(f"{path}: entry {printable(key)!r} is a {kind}, not a tensor of weights")
    return dict(payload)


def _with_model_names(state: StateDict, model: nn.Module, path: Path) -> StateDict:
    prefixes: Mapping[str, str] = getattr(model, "checkpoint_prefixes", {})
    renamed: StateDict = {}
    for key, value in state.items():
        name = key.removeprefix("module.")
        for theirs, ours in prefixes.items():
            if name.startswith(theirs):
                name = ours + name.removeprefix(theirs)
        if name in renamed:
            raise CheckpointError(f"{path}: two entries are both {printable(name)!r}; the file is ambiguous")
        renamed[name] = value
    return renamed


def _replaceable(model: nn.Module, target: Mapping[str, Tensor]) -> StateDict:
    """Entries of a model that a file need not have, as they are then: counts of 0, computed buffers."""
    counts = {
        f"{path}.num_batches_tracked".removeprefix(".")
        for path, module in model.named_modules()
        if isinstance(module, nn.modules.batchnorm._NormBase)
    }
    computed = {
        f"{path}.{name}".removeprefix(".")
        for path, module in model.named_modules()
        for name in getattr(module, "computed_buffers", ())
    }
    zeros = {key: torch.zeros_like(target[key], device="cpu") for key in counts & target.keys()}
    return zeros | {key: target[key].detach().cpu() for key in computed & target.keys()}


def _with_model_shape(value: Tensor, target: Tensor | None) -> Tensor:
    """Drop, or add, the time axis of length 1 that tells a 3-D weight from ours."""
    if target is None or value.shape == target.shape:
        return value
    if value.dim() == 5 and value.shape[:2] + value.shape[3:] == target.shape and value.shape[2] == 1:
        return value.squeeze(2)
    if target.dim() == 5 and target.shape[:2] + target.shape[3:] == value.shape and target.shape[2] == 1:
        return value.unsqueeze(2)
    return value


def _check_fits(state: StateDict, target: Mapping[str, Tensor], path: Path) -> None:
    missing = [key for key in target if key not in state]
    surplus = [printable(key) for key in state if key not in target]
    misshaped = [
        f"{key} {tuple(state[key].shape)}, the model's is {tuple(value.shape)}"
        for key, value in target.items()
        if key in state and state[key].shape != value.shape
    ]
    findings = [
        f"{len(keys)} {what}: {_listed(keys)}"
        for what, keys in (("missing", missing), ("surplus", surplus), ("mis-shaped", misshaped))
        if keys
    ]
    if findings:
        raise CheckpointError(
            f"{path}: not this model's weights; {'; '.join(findings)}{_class_hint(state, target)}"
        )


def _listed(keys: Iterable[str]) -> str:
    names = list(keys)
    more = len(names) - LISTED_KEYS
    return ", ".join(names[:LISTED_KEYS]) + (f" and {more} more" if more > 0 else "")


def _class_hint(state: StateDict, target: Mapping[str, Tensor]) -> str:
    for key in target:
        if key.endswith(CLASSIFIER_BIASES) and key in state and state[key].shape != target[key].shape:
            return (
                f"; the file is for {len(state[key])} classes, the model for {len(target[key])}: "
                "name the data set and protocol that the file was trained on"
            )
    return ""


def _check_kinds(state: StateDict, path: Path) -> None:
    """Refuse tensors whose elements must not be touched, or are not there, before anything reads them."""
    for key, value in state.items():
        plain = value.layout is torch.strided and value.device.type == "cpu" and not value.is_quantized
        if not plain or value.is_complex():
            raise CheckpointError(f"{path}: {printable(key)} is not a plain real tensor of weights; refused")
        # A stride-0 tensor declares any size in a few bytes.
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise CheckpointError(
                f"{path}: {printable(key)} declares more elements than the file holds; refused"
            )


def _check_values(state: StateDict, path: Path) -> None:
    """Refuse what a diverged run leaves behind; ``state`` is in the model's own precision."""
    for key, value in state.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise CheckpointError(
                f"{path}: {key} holds NaN or infinite values (in the model's {value.dtype}); the training "
                "run that wrote it diverged"
            )
