from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

import epam
from epam.backends import onnx_runtime
from epam.backends.backend import BackendError, Inputs, Request
from epam.backends.equality import check_equality, reference_logits
from epam.backends.onnx_runtime import BACKEND, start_session


def off_by(model: nn.Module, inputs: Inputs) -> float:
    name, expected = reference_logits(model, [inputs])
    call = BACKEND.prepare(model, Request(example_inputs=inputs)).call
    equality = check_equality(call, [inputs], reference=name, expected=expected, precision="fp32")
    return equality.relative_error


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [{"batch": 1}, {"batch": 2, "frames": 1}], ids=str)
def test_logits_are_those_of_the_twin(
    sizes: dict[str, int], thin: Callable[..., epam.EPAMNet], clips: Callable[..., Inputs]
) -> None:
    assert off_by(thin(), clips(**sizes)) < 1e-5


def test_other_networks_are_exported_as_they_are(convolutional: nn.Module) -> None:
    assert off_by(convolutional, (torch.randn(2, 3, 4, 8, 8),)) < 1e-5


def test_network_that_is_kept_is_not_exported_again_but_where_it_is_damaged(
    convolutional: nn.Module, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    exported: list[bytes] = []
    export = onnx_runtime.export_onnx

    def watch(*given) -> bytes:
        exported.append(export(*given))
        return exported[-1]

    monkeypatch.setattr(onnx_runtime, "export_onnx", watch)
    clip = torch.rand(1, 3, 4, 8, 8)
    request = Request(example_inputs=(clip,), cache=tmp_path / "cache")
    first, second = (BACKEND.prepare(convolutional, request) for _ in range(2))
    assert len(exported) == 1
    assert first.keeping_seconds > second.keeping_seconds == 0
    assert first.spared_seconds > second.spared_seconds == 0
    assert torch.equal(first.call(clip), second.call(clip))
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_bytes(exported[0][:100])
    assert torch.equal(BACKEND.prepare(convolutional, request).call(clip), first.call(clip))
    assert len(exported) == 2
    assert kept.read_bytes() == exported[1]


def test_cache_that_cannot_be_written_costs_no_network(convolutional: nn.Module, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    clip = torch.rand(1, 3, 4, 8, 8)
    call = BACKEND.prepare(convolutional, Request(example_inputs=(clip,), cache=tmp_path / "file")).call
    assert call(clip).shape == (1, 5)


def test_what_cannot_be_exported_is_told_in_one_line() -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(BackendError, match="Odd cannot be exported as ONNX") as caught:
        BACKEND.prepare(Odd(), Request(example_inputs=(torch.zeros(2, 3),)))
    assert "\n" not in str(caught.value)


def test_what_cannot_be_loaded_is_told_in_one_line() -> None:
    with pytest.raises(BackendError, match="cannot load"):
        start_session(b"no graph at all", threads=1)
