"""Networks for tests of timing, found by the children as ``trial_models:…``: some good, most of them not."""

from __future__ import annotations

import os
import signal
import sys
import time

import torch
from torch import Tensor, nn

from epam_baselines import ModelSpec

CALLS_BEFORE_A_TURN = 3
"""Of a child, with one compared clip and one warm-up call: its first call, the comparison, the warm-up."""


class Small(nn.Module):
    """A convolution, a norm and a linear layer."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.cls_head = nn.Linear(4, num_classes)
        self.calls = 0

    def forward(self, clip: Tensor) -> Tensor:
        self.calls += 1
        if self.calls > CALLS_BEFORE_A_TURN:
            self.misbehave()
        return self.cls_head(self.norm(self.conv(clip)).mean(dim=(2, 3)))

    def misbehave(self) -> None:
        """In its first turn."""


class Hanging(Small):
    def misbehave(self) -> None:
        time.sleep(3600)


class Crashing(Small):
    def misbehave(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)


class Killed(Small):
    def misbehave(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Hungry(Small):
    def misbehave(self) -> None:
        torch.zeros(1 << 50)


class Leaving(Small):
    def misbehave(self) -> None:
        print("I have had enough", file=sys.stderr, flush=True)
        os._exit(7)


class Quitting(Small):
    def misbehave(self) -> None:
        sys.exit("no more of this")


class Talkative(Small):
    """Prints a gigabyte in its first turn."""

    def misbehave(self) -> None:
        if self.calls == CALLS_BEFORE_A_TURN + 1:
            for _ in range(1024):
                os.write(1, bytes(1 << 20))


class Unbuildable(Small):
    def __init__(self, num_classes: int) -> None:
        raise ValueError("it cannot be built\nfor reasons that take a page")


class Wrong(Small):
    """Gives other logits in float32 than in float64."""

    def forward(self, clip: Tensor) -> Tensor:
        logits = super().forward(clip)
        return logits if clip.dtype == torch.float64 else logits + 1


class Broken(Small):
    def forward(self, clip: Tensor) -> Tensor:
        logits = super().forward(clip)
        return logits if clip.dtype == torch.float64 else logits * torch.nan


class InPieces(Small):
    """Returns no logits."""

    def forward(self, clip: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        logits = super().forward(clip)
        return {"boxes": logits[:, :2], "scores": logits[:, 2]}


class SinglePrecision(Small):
    """Cannot compute in float64."""

    def forward(self, clip: Tensor) -> Tensor:
        logits: Tensor = super().forward(clip) @ torch.eye(3)
        return logits


def spec(build: type[nn.Module], name: str = "") -> ModelSpec:
    return ModelSpec(
        name=name or build.__name__.lower(),
        title=build.__name__,
        paper="–",
        year=None,
        modalities=("rgb",),
        inputs={"clip": (2, 6, 6)},
        clips=1,
        crops=1,
        num_classes=3,
        build=build,
    )


def small() -> ModelSpec:
    return spec(Small)


def other() -> ModelSpec:
    return spec(Small, "other")


def hanging() -> ModelSpec:
    return spec(Hanging)


def crashing() -> ModelSpec:
    return spec(Crashing)


def killed() -> ModelSpec:
    return spec(Killed)


def hungry() -> ModelSpec:
    return spec(Hungry)


def leaving() -> ModelSpec:
    return spec(Leaving)


def quitting() -> ModelSpec:
    return spec(Quitting)


def talkative() -> ModelSpec:
    return spec(Talkative)


def unbuildable() -> ModelSpec:
    return spec(Unbuildable)


def wrong() -> ModelSpec:
    return spec(Wrong)


def broken() -> ModelSpec:
    return spec(Broken)


def in_pieces() -> ModelSpec:
    return spec(InPieces)


def single_precision() -> ModelSpec:
    return spec(SinglePrecision)
