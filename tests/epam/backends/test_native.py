from __future__ import annotations

import os
import threading
import weakref

import pytest
import torch
from torch import Tensor, nn

import epam
from epam.backends import optimize
from epam.backends.backend import BackendError, Output, Request
from epam.backends.native import BACKEND, NativeBackbone, Workers
from epam.backends.native_kernels.compiling import find_compiler
from epam.errors import InputError
from epam.streams import stream_logits
from epam.x_shiftnet import x_shiftnet_pose, x_shiftnet_rgb

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


def clips(batch: int, frames: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    rgb = torch.randn(batch, 3, frames, height, width)
    return rgb, torch.rand(batch, 17, 3 * frames, height // 4, width // 4)


def native(model: nn.Module, *inputs: Tensor, threads: int = 2):
    request = Request(example_inputs=inputs, threads=threads)
    return BACKEND.prepare(model, request).call


def relative_error(got: Output, model: nn.Module, inputs: tuple[Tensor, ...]) -> float:
    """Against the network itself in float64, the worst stream's."""
    with torch.inference_mode():
        wanted = model.double()(*(tensor.double() for tensor in inputs))
    model.float()
    pairs = zip(*(stream_logits(x, default="single").values() for x in (got, wanted)), strict=True)
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


THIN = {"rgb_blocks": (2, 1, 2, 1), "pose_blocks": (3, 1, 1)}


@pytest.mark.parametrize(
    ("stem", "batch", "frames", "height", "width", "threads"),
    [
        (8, 1, 4, 64, 64, 2),
        (8, 2, 1, 32, 32, 1),
        (9, 1, 2, 96, 32, 3),
        (13, 1, 3, 32, 160, 2),
        (24, 1, 2, 224, 96, 2),
        (31, 1, 5, 32, 32, 4),
        (40, 2, 2, 64, 32, 2),
    ],
)
def test_logits_are_the_networks_own_whatever_its_width_and_the_clips_size(
    stem, batch, frames, height, width, threads, lively
) -> None:
    model = lively(epam.EPAMNet(7, stem_channels=stem, **THIN)).eval()
    inputs = clips(batch, frames, height, width)
    assert relative_error(native(model, *inputs, threads=threads)(*inputs), model, inputs) < 1e-5


def test_the_network_of_the_paper_gives_its_logits(lively) -> None:
    model = lively(epam.EPAMNet(60)).eval()
    inputs = clips(1, 4, 96, 96)
    assert relative_error(native(model, *inputs)(*inputs), model, inputs) < 1e-5


@pytest.mark.parametrize("attention", ["none", "compressed", "non_local"])
def test_other_attentions_guide_as_they_do_in_the_network(attention, lively) -> None:
    model = lively(epam.EPAMNet(7, stem_channels=8, attention=attention, frames=3, **THIN)).eval()
    inputs = clips(2, 3, 64, 64)
    assert relative_error(native(model, *inputs)(*inputs), model, inputs) < 1e-5


@pytest.mark.parametrize("temporal_shift", [True, False])
@pytest.mark.parametrize("build", [x_shiftnet_rgb, x_shiftnet_pose])
def test_a_stream_by_itself_gives_its_logits(build, temporal_shift, lively) -> None:
    model = build(5, stem_channels=12, stage_blocks=(2, 3), temporal_shift=temporal_shift)
    model = lively(model).eval()
    clip = torch.randn(2, model.backbone.in_channels, 5, 40, 72)
    assert relative_error(native(model, clip)(clip), model, (clip,)) < 1e-5


def test_logits_are_the_same_bits_whatever_the_threads_and_the_next_call_leaves_them(lively) -> None:
    model = lively(x_shiftnet_rgb(5, stem_channels=8, stage_blocks=(2, 2))).eval()
    first, second = torch.randn(2, 1, 3, 4, 32, 32)
    call = native(model, first, threads=2)
    logits = call(first)
    kept = logits.clone()
    call(second)
    assert torch.equal(logits, kept)
    assert all(torch.equal(call(first), kept) for _ in range(20))


def test_calls_from_several_threads_wait_for_each_other(lively) -> None:
    model = lively(x_shiftnet_pose(5, stem_channels=8, stage_blocks=(2, 2))).eval()
    inputs = list(torch.rand(4, 1, 17, 6, 24, 24))
    call, other = native(model, inputs[0]), native(model, inputs[0], threads=3)
    wanted = [call(clip) for clip in inputs]
    got: dict[int, list[Tensor]] = {}

    def work(index: int) -> None:
        mine = (call, other)[index % 2]
        got[index] = [mine(inputs[index]) for _ in range(30)]

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, want in enumerate(wanted):
        assert all(torch.allclose(logits, want, rtol=1e-4, atol=1e-5) for logits in got[index])


def test_what_is_cs_is_freed_with_its_owner_and_not_as_python_ends() -> None:
    # A daemon thread may be computing in it then.
    model = x_shiftnet_pose(5, stem_channels=8, stage_blocks=(1, 1)).eval()
    owners = [Workers(2), NativeBackbone(model.backbone, torch.rand(1, 17, 6, 16, 16), threads=2)]
    finalizers = [reference.__callback__ for owner in owners for reference in weakref.getweakrefs(owner)]
    assert [(finalizer.alive, finalizer.atexit) for finalizer in finalizers] == [(True, False)] * 2
    owners.clear()
    assert not any(finalizer.alive for finalizer in finalizers)


def test_a_forked_child_starts_threads_of_its_own(lively) -> None:
    model = lively(x_shiftnet_pose(5, stem_channels=8, stage_blocks=(1, 1))).eval()
    clip = torch.rand(1, 17, 6, 16, 16)
    call = native(model, clip)
    wanted = call(clip)
    child = os.fork()
    if child == 0:
        os._exit(0 if torch.equal(call(clip), wanted) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_the_model_is_not_changed_and_inputs_may_be_strided(lively) -> None:
    model = lively(x_shiftnet_pose(5, stem_channels=8, stage_blocks=(1, 1))).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    clip = torch.rand(1, 6, 17, 16, 16).transpose(1, 2)
    assert (
        relative_error(optimize(model, backend="native", example_inputs=(clip,))(clip), model, (clip,)) < 1e-5
    )
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_numbers_that_are_none_come_through(lively) -> None:
    model = lively(x_shiftnet_pose(5, stem_channels=8, stage_blocks=(1, 1))).eval()
    clip = torch.rand(1, 17, 6, 16, 16)
    call = native(model, clip)
    spoilt = clip.clone()
    spoilt[0, 3, 2, 5, 5] = torch.nan
    assert call(spoilt).isnan().all()
    assert not call(clip).isnan().any()


def test_large_numbers_do_not_overflow_on_the_way(lively) -> None:
    model = lively(x_shiftnet_pose(5, stem_channels=8, stage_blocks=(2, 1))).eval()
    clip = 1e4 * torch.rand(1, 17, 6, 16, 16)
    assert relative_error(native(model, clip)(clip), model, (clip,)) < 1e-5


def test_clips_that_do_not_fit_are_refused_before_c_sees_them() -> None:
    rgb, heatmaps = clips(1, 2, 64, 64)
    model = epam.EPAMNet(5, stem_channels=8, **THIN).eval()
    for wrong in ((rgb, heatmaps[:, :, :5]), (rgb[..., :33], heatmaps), (rgb, heatmaps[..., :8])):
        with pytest.raises(InputError):
            optimize(model, backend="native", example_inputs=wrong)
    with pytest.raises(InputError, match="compressed"):
        optimize(epam.EPAMNet(5, attention="compressed"), backend="native", example_inputs=(rgb, heatmaps))


def test_a_prepared_call_refuses_clips_of_another_shape(lively) -> None:
    model = lively(x_shiftnet_pose(5, stem_channels=8, stage_blocks=(1, 1))).eval()
    call = native(model, torch.rand(1, 17, 2, 16, 16))
    with pytest.raises(InputError, match="built for"):
        call(torch.rand(1, 17, 3, 16, 16))


def test_other_networks_are_refused() -> None:
    with pytest.raises(BackendError, match="EPAM-Net and its two streams alone, not for Linear"):
        optimize(nn.Linear(2, 2), backend="native", example_inputs=(torch.zeros(1, 2),))


def test_without_a_compiler_it_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    assert "apt install gcc" in (BACKEND.missing() or "")
    with pytest.raises(BackendError, match="C compiler"):
        optimize(x_shiftnet_pose(5), backend="native")


def test_a_compiler_that_cannot_be_read_is_told_in_words(monkeypatch) -> None:
    monkeypatch.setenv("CC", "gcc 'an end is missing")
    assert 'CC, "gcc \'an end is missing", cannot be read as a command' in (BACKEND.missing() or "")
    with pytest.raises(BackendError, match="correct or unset it"):
        optimize(x_shiftnet_pose(5), backend="native")


def test_what_it_holds_from_call_to_call_is_told() -> None:
    def held(height: int, width: int) -> int:
        inputs = clips(1, 4, height, width)
        [note] = BACKEND.prepare(epam.EPAMNet(7, **THIN).eval(), Request(example_inputs=inputs)).notes
        mebibytes, _, rest = note.partition(" ")
        assert rest == "MiB of working memory, held from call to call"
        return int(mebibytes)

    assert 1 <= held(64, 64) < held(128, 128) < 1000
