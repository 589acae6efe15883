from __future__ import annotations

import time

import torch
from torch import Tensor, nn

from epam.backends.memory_format import lay_out, lay_out_tensor, try_formats


def test_the_faster_of_two_is_chosen_and_each_warmed_up_first() -> None:
    called = []

    def call(name: str, seconds: float, x: Tensor) -> Tensor:
        # The first call is slow whichever it is: compiling, say.
        time.sleep(0.05 if name not in called else seconds)
        called.append(name)
        return x

    chosen, fastest_ms = try_formats(
        {
            "contiguous": lambda x: call("contiguous", 0.03, x),
            "channels-last": lambda x: call("channels-last", 0.0, x),
        },
        (torch.zeros(1),),
    )
    assert chosen == "channels-last"
    assert fastest_ms["contiguous"] >= 30
    assert called[:4] == ["contiguous", "channels-last"] * 2


def test_weights_of_pictures_and_clips_are_laid_out_and_others_stay() -> None:
    layers = nn.ModuleList([nn.Conv2d(4, 4, 3), nn.Conv3d(4, 4, 3), nn.Linear(4, 4)])
    lay_out(layers, "channels-last")
    flat, deep, _ = layers
    assert flat.weight.is_contiguous(memory_format=torch.channels_last)  # type: ignore[union-attr]
    assert deep.weight.is_contiguous(memory_format=torch.channels_last_3d)  # type: ignore[union-attr]
    lay_out(layers, "contiguous")
    assert all(parameter.is_contiguous() for parameter in layers.parameters())


def test_a_tensor_keeps_its_numbers() -> None:
    for shape in ((2, 3, 4, 5), (1, 2, 3, 4, 5), (2, 3), (2, 3, 4)):
        x = torch.randn(shape)
        assert torch.equal(lay_out_tensor(x, "channels-last"), x)
