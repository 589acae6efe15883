"""The machine and the software under a measurement, as facts for its record."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import subprocess
from pathlib import Path

import psutil
import torch

from epam_bench.records import Environment

RECORDED_PACKAGES = (
    *("epam-bench", "torch", "torchvision", "numpy", "fvcore", "thop"),
    *("onnxruntime", "openvino", "nncf"),
)


@functools.cache
def describe_environment() -> Environment:
    """Collect what can be read of this machine, once a process."""
    commit, dirty = _git_state()
    return Environment(
        system=platform.platform(terse=True),
        processor=_processor_name(),
        physical_cores=psutil.cpu_count(logical=False),
        logical_cores=psutil.cpu_count(),
        memory_bytes=psutil.virtual_memory().total,
        accelerator=torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        versions=_versions(),
        git_commit=commit,
        git_dirty=dirty,
    )


def _processor_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in RECORDED_PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    if torch.version.cuda:
        versions["cuda (built for)"] = torch.version.cuda
    return versions


def _git_state() -> tuple[str | None, bool | None]:
    """Commit and dirtiness of the checkout that this file is in; none for an installed wheel."""
    checkout = Path(__file__).resolve().parents[2]
    if not (checkout / ".git").exists():
        return None, None
    commit = _git(checkout, "rev-parse", "HEAD")
    status = _git(checkout, "status", "--porcelain")
    return commit or None, None if status is None else bool(status)


def _git(checkout: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(checkout), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
