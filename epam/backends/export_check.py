"""An exported file tried where its network's code is not: in a process that cannot import it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor, nn

from epam.backends import torch_free_run
from epam.backends.array_exchange import as_array
from epam.backends.backend import BackendError, Inputs, Output, Precision
from epam.backends.equality import Equality, check_equality, reference_logits
from epam.backends.export import ExportFormat
from epam.epam_net import EPAMLogits
from epam.errors import printable

OUR_PACKAGES = ("epam", "epam_baselines", "epam_bench", "epam_inference", "epam_reports")

NOT_NEEDED = (*OUR_PACKAGES, "torch", "torchvision", "openvino_telemetry")
"""What the process cannot import; a format that needs one of them to be read is allowed that one."""

TIMEOUT_SECONDS = 900.0


def blocked_packages(form: ExportFormat) -> tuple[str, ...]:
    """What the process in which a file of that format is tried cannot import."""
    return tuple(name for name in NOT_NEEDED if name not in form.libraries)


def check_file(
    path: Path,
    form: ExportFormat,
    model: nn.Module,
    clips: Sequence[Inputs],
    *,
    input_names: Sequence[str],
    precision: Precision,
) -> Equality:
    """Compare the file's logits with those of the network's reference in float64.

    The file is loaded by a process of its own, in which ``torch`` and our packages cannot be imported (but
    what the format itself needs), by the lines that its card prints.

    Args:
        path: the file, its companions beside it.
        form: its format.
        model: the network that was written.
        clips: inputs of the file's shapes.
        input_names: of the inputs, in their order.
        precision: of the file; chooses the bound.

    Raises:
        BackendError: the file cannot be loaded or run.
    """
    answers = run_file(path, form, clips, input_names=input_names)
    reference, expected = reference_logits(model, clips)
    given = iter(answers)

    def replay(*_: Tensor) -> Output:
        return next(given)

    return check_equality(replay, clips, reference=reference, expected=expected, precision=precision)


def run_file(
    path: Path, form: ExportFormat, clips: Sequence[Inputs], *, input_names: Sequence[str]
) -> list[Output]:
    """Logits of each clip by the file, run in a process that cannot import the network's code.

    Raises:
        BackendError: the process fails, with the last line of what it said, or it takes too long.
    """
    with TemporaryDirectory(prefix="epam-export-") as folder:
        inputs, outputs = Path(folder) / "inputs.npz", Path(folder) / "outputs.npz"
        arrays = {
            f"{number}.{name}": as_array(tensor)
            for number, clip in enumerate(clips)
            for name, tensor in zip(input_names, clip, strict=True)
        }
        np.savez(inputs, **arrays)  # type: ignore[arg-type]  # numpy's own options are no members' names
        order: torch_free_run.Order = {
            "file": str(path.resolve()),
            "loading": form.loading,
            "inputs": str(inputs),
            "outputs": str(outputs),
            "blocked": list(blocked_packages(form)),
        }
        _run(order, path)
        with np.load(outputs) as archive:
            numbers = [[int(part) for part in member.split(".")] for member in archive.files]
            logits = {(clip, output): archive[f"{clip}.{output}"] for clip, output in numbers}
    return [
        _as_output([logits[key] for key in sorted(logits) if key[0] == clip]) for clip in range(len(clips))
    ]


def _as_output(arrays: list[np.ndarray]) -> Output:
    tensors = [torch.from_numpy(array) for array in arrays]
    return tensors[0] if len(tensors) == 1 else EPAMLogits(*tensors)


def _run(order: torch_free_run.Order, path: Path) -> None:
    # -P: the script's own folder is not searched for modules.
    command = [sys.executable, "-P", str(Path(torch_free_run.__file__)), json.dumps(order)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise BackendError(
            f"{path.name}: did not run in {TIMEOUT_SECONDS:.0f} s in a process of its own"
        ) from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise BackendError(
            f"{path.name}: cannot be run in a process without our code: {printable(lines[-1])}"
        )
