from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("openvino")

import epam
from epam.backends import open_vino
from epam.backends.backend import BackendError, Inputs, Precision, Request
from epam.backends.equality import check_equality, reference_logits
from epam.backends.open_vino import BACKEND, convert_model
from epam.streams import stream_logits


def off_by(model: nn.Module, inputs: Inputs, precision: Precision = "fp32", samples: int = 0) -> float:
    """Relative error against float64; fails where it is not within its bound."""
    name, expected = reference_logits(model, [inputs])
    calibration = tuple(tuple(torch.rand_like(x) for x in inputs) for _ in range(samples))
    request = Request(example_inputs=inputs, precision=precision, calibration=calibration)
    prepared = BACKEND.prepare(model, request)
    equality = check_equality(prepared.call, [inputs], reference=name, expected=expected, precision=precision)
    assert equality.holds, equality
    return equality.relative_error


@pytest.mark.parametrize("sizes", [{"batch": 3}, {"batch": 1, "frames": 1}], ids=str)
def test_logits_are_those_of_the_twin(
    sizes: dict[str, int], thin: Callable[..., epam.EPAMNet], clips: Callable[..., Inputs]
) -> None:
    assert off_by(thin(), clips(**sizes)) < 1e-5


def test_other_networks_are_converted_as_they_are(convolutional: nn.Module) -> None:
    assert off_by(convolutional, (torch.randn(2, 3, 4, 8, 8),)) < 1e-5


def test_logits_of_one_call_outlast_the_next(convolutional: nn.Module) -> None:
    first, second = torch.randn(2, 1, 3, 4, 8, 8)
    call = BACKEND.prepare(convolutional, Request(example_inputs=(first,))).call
    kept = call(first)
    assert isinstance(kept, Tensor)
    before = kept.clone()
    call(second)
    assert torch.equal(kept, before)


def test_inputs_in_any_order_of_memory_give_the_same(convolutional: nn.Module) -> None:
    clip = torch.randn(1, 3, 4, 8, 8)
    call = BACKEND.prepare(convolutional, Request(example_inputs=(clip,))).call
    last = clip.contiguous(memory_format=torch.channels_last_3d)
    assert torch.equal(call(clip), call(last))


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was converted and quantised."""
    done: list[str] = []

    def watch(name: str) -> None:
        do = getattr(open_vino, name)
        monkeypatch.setattr(open_vino, name, lambda *given: done.append(name) or do(*given))

    watch("convert_model")
    watch("quantise_model")
    return done


def test_network_that_is_kept_is_not_converted_again_and_gives_the_same(
    thin: Callable[..., epam.EPAMNet],
    clips: Callable[..., Inputs],
    conversions: list[str],
    tmp_path: Path,
) -> None:
    inputs = clips()
    request = Request(example_inputs=inputs, cache=tmp_path / "cache")
    first, second = (BACKEND.prepare(thin(), request) for _ in range(2))
    assert conversions == ["convert_model"]
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["network.bin", "network.xml"]
    assert first.keeping_seconds > 0
    assert second.keeping_seconds == 0
    assert first.spared_seconds > second.spared_seconds
    assert first.weights_bytes == second.weights_bytes
    logits = [stream_logits(one.call(*inputs), default="rgb") for one in (first, second)]
    assert logits[0].keys() == logits[1].keys()
    assert all(torch.equal(logits[0][stream], logits[1][stream]) for stream in logits[0])


def test_int8_network_that_is_kept_is_not_quantised_again(
    convolutional: nn.Module, conversions: list[str], tmp_path: Path
) -> None:
    pytest.importorskip("nncf")
    clip = (torch.rand(1, 3, 4, 8, 8),)
    request = Request(example_inputs=clip, precision="int8", calibration=(clip, clip), cache=tmp_path)
    first, second = (BACKEND.prepare(convolutional, request) for _ in range(2))
    assert conversions == ["convert_model", "quantise_model"]
    assert first.notes == second.notes
    assert torch.equal(first.call(*clip), second.call(*clip))


@pytest.mark.parametrize(
    ("name", "left"), [("network.xml", 100), ("network.bin", 100), ("network.bin", None)]
)
def test_kept_network_that_is_damaged_is_made_anew(
    name: str, left: int | None, convolutional: nn.Module, conversions: list[str], tmp_path: Path
) -> None:
    clip = torch.rand(1, 3, 4, 8, 8)
    request = Request(example_inputs=(clip,), cache=tmp_path)
    before = BACKEND.prepare(convolutional, request).call(clip)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).unlink()
    if left is not None:
        (tmp_path / name).write_bytes(whole[:left])
    for _ in range(2):
        assert torch.equal(BACKEND.prepare(convolutional, request).call(clip), before)
    assert conversions == ["convert_model"] * 2


def test_cache_that_cannot_be_written_costs_no_network(convolutional: nn.Module, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    clip = torch.rand(1, 3, 4, 8, 8)
    call = BACKEND.prepare(convolutional, Request(example_inputs=(clip,), cache=tmp_path / "file")).call
    assert call(clip).shape == (1, 5)


def test_int8_is_near_and_says_what_it_was_calibrated_on(convolutional: nn.Module) -> None:
    pytest.importorskip("nncf")
    clip = (torch.rand(1, 3, 4, 8, 8),)
    request = Request(example_inputs=clip, precision="int8", calibration=(clip, clip))
    assert BACKEND.prepare(convolutional, request).notes == ("int8 by NNCF, ranges from 2 inputs",)
    assert off_by(convolutional, clip, "int8", samples=2) < 0.1


@pytest.mark.slow
def test_int8_of_the_network_is_within_its_bound(
    thin: Callable[..., epam.EPAMNet], clips: Callable[..., Inputs]
) -> None:
    pytest.importorskip("nncf")
    off_by(thin(), clips(), "int8", samples=4)


def test_an_operation_that_it_lacks_is_named() -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.special.erfcx(x)

    with pytest.raises(BackendError, match=r"cannot convert Odd.*erfcx"):
        convert_model(Odd(), (torch.zeros(2, 3),))


def test_truncation_is_taught_to_the_converter() -> None:
    class Truncated(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.trunc()

    call = BACKEND.prepare(Truncated(), Request(example_inputs=(torch.zeros(1, 4),))).call
    assert call(torch.tensor([[-1.5, -0.5, 0.5, 2.0]])).tolist() == [[-1, 0, 0, 2]]


TWO_THAT_GO = """
import gc, os, signal, torch
from epam.backends import optimize
from epam.x_shiftnet import x_shiftnet_pose

model, clip = x_shiftnet_pose(5, stem_channels=8, stage_blocks=(1,)).eval(), torch.rand(1, 17, 2, 8, 8)
first, second = (optimize(model, backend="openvino", example_inputs=(clip,)) for _ in range(2))
first(clip), second(clip)
del first
gc.collect()
del second
gc.collect()
signal.signal(signal.SIGINT, lambda *_: print("told"))
os.kill(os.getpid(), signal.SIGINT)
"""


def test_signals_are_handled_when_prepared_networks_have_gone() -> None:
    done = subprocess.run([sys.executable, "-c", TWO_THAT_GO], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "told"), done.stderr
