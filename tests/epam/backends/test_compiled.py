from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

import epam
from epam.backends.backend import BackendError, Inputs, Precision, Request
from epam.backends.compiled import BACKEND
from epam.backends.equality import check_equality, reference_logits


def test_without_a_compiler_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler++")
    message = BACKEND.missing() or ""
    assert "'no-such-compiler++' is not found: apt-get install g++" in message


def test_what_fails_to_compile_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(network: nn.Module, **options: object) -> Callable[..., object]:
        def call(*inputs: object) -> object:
            raise RuntimeError("the compiler failed\n\nCommand: …")

        return call

    monkeypatch.setattr(torch, "compile", fail)
    with pytest.raises(BackendError, match=r"Linear: RuntimeError: the compiler failed$"):
        BACKEND.prepare(nn.Linear(2, 2), Request(example_inputs=(torch.zeros(1, 2),)))


def test_weights_are_frozen_while_it_compiles_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._inductor import config

    seen: list[bool] = []

    def compile_nothing(network: nn.Module, **options: object) -> Callable[..., torch.Tensor]:
        def call(x: torch.Tensor) -> torch.Tensor:
            seen.append(config.freezing)
            return x

        return call

    monkeypatch.setattr(torch, "compile", compile_nothing)
    x = torch.zeros(1, 2)
    BACKEND.prepare(nn.Linear(2, 2), Request(example_inputs=(x,))).call(x)
    assert seen == [True, False]


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_logits_are_those_of_the_twin(
    precision: Precision, thin: Callable[..., epam.EPAMNet], clips: Callable[..., Inputs]
) -> None:
    if missing := BACKEND.missing():
        pytest.skip(missing)
    model, inputs = thin(), clips(2)
    name, expected = reference_logits(model, [inputs])
    call = BACKEND.prepare(model, Request(example_inputs=inputs, precision=precision)).call
    equality = check_equality(call, [inputs], reference=name, expected=expected, precision=precision)
    assert equality.holds, equality
