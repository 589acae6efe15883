"""How much memory one model takes at its peak, in a process that holds nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from epam_baselines import ModelSpec
    from epam_bench.devices import Setting

SCOPE = "growth of a fresh process's resident memory, from before the model is built to the peak of two calls"
CALLS = 2
TIMEOUT_SECONDS = 300.0
STATUS = Path("/proc/self/status")


def measure_peak_memory(spec: ModelSpec, setting: Setting) -> int | None:
    """Peak resident bytes that a model and its forward pass add to a fresh process on the CPU.

    None where the system does not tell (only Linux does), or the process fails or hangs.
    """
    if not STATUS.exists():
        return None
    order = {
        "model": spec.name,
        "origin": getattr(spec, "origin", ""),
        "inputs": dict(spec.inputs),
        "batch_size": setting.batch_size,
        "precision": setting.precision,
        "threads": setting.threads,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "epam_bench.peak_memory", json.dumps(order)],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=True,
        )
        # A user's own module may print when it is imported; the bytes come last.
        return int(done.stdout.split()[-1])
    except (subprocess.SubprocessError, OSError, ValueError, IndexError):
        return None


def main(order: str) -> None:
    """Do what the order says, in this process, and print the bytes."""
    import torch

    from epam_baselines import example_inputs
    from epam_bench.devices import Setting

    wanted = json.loads(order)
    spec = _find_spec(wanted.pop("model"), wanted.pop("origin"), wanted.pop("inputs"))
    setting = Setting(**wanted)
    torch.set_num_threads(setting.threads)
    _forget_peak()
    before = _status_bytes("VmRSS")
    model = spec.build(num_classes=spec.num_classes).to(setting.dtype).eval()
    clip = example_inputs(spec, setting.batch_size, dtype=setting.dtype)
    with torch.inference_mode():
        for _ in range(CALLS):
            model(*clip)
    print(_status_bytes("VmHWM") - before)


def _find_spec(name: str, origin: str, inputs: dict[str, list[int]]) -> ModelSpec:
    """The model that the other process named: of the catalogue, or from where that one had it."""
    from epam_baselines import list_models
    from epam_baselines.plugins import load_plugin_file
    from epam_bench.plan import plan_models, plan_plugins

    shapes = {key: (1, *shape) for key, shape in inputs.items()}
    if origin.endswith(".py"):
        plugins = load_plugin_file(Path(origin))
    elif origin:
        name, plugins = origin, ()
    else:
        plugins = () if name in list_models() else plan_plugins().specs
    (spec,) = plan_models([name], inputs=shapes, plugins=plugins)
    return spec


def _forget_peak() -> None:
    """Start the peak anew: importing PyTorch has one of its own."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _status_bytes(field: str) -> int:
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(f"{STATUS} has no {field}")


if __name__ == "__main__":
    main(sys.argv[1])
