from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from epam import EPAMLogits, export_published, save_checkpoint
from epam.data.clip_size import PAPER_SIZE, ClipSize
from epam.errors import CheckpointError, InputError, UnknownNameError
from epam_baselines import create_model, model_spec, network
from epam_baselines.network import (
    RANDOM_WEIGHTS_CAVEAT,
    Network,
    choose_network,
    load_network,
    with_fast_form,
)

THIN_CLIP = ClipSize(rgb_frames=6, frame_side=96, pose_frames=18, heatmap_side=24)
THIN = {"stem_channels": 8, "stage_blocks": (1, 1)}


def thin_clip() -> tuple[torch.Tensor, ...]:
    return (torch.rand(17, 18, 24, 24),)


# ── Choosing ──


def test_the_manifest_alone_rebuilds_a_thin_network(trained_pose_network: Callable[..., Path]) -> None:
    path = trained_pose_network()
    choice = choose_network(None, checkpoint=path, dataset="embedded", protocol="xsub", num_classes=12)
    assert (choice.spec.name, choice.options, choice.num_classes) == ("x_shiftnet_pose", THIN, 12)
    assert choice.spec.inputs == {"heatmaps": (17, 18, 24, 24)}
    assert choice.caveats == ()
    loaded = load_network(choice)
    assert (loaded.checkpoint.path, loaded.manifest) == (path, choice.manifest)
    assert loaded.checkpoint.weights_sha256 == choice.manifest.weights_sha256
    assert loaded.score(thin_clip())["pose"].shape == (12,)


def test_the_manifests_model_comes_before_the_default_one(trained_pose_network: Callable[..., Path]) -> None:
    path = trained_pose_network()
    assert choose_network(None, checkpoint=path, default_model="epam_net").spec.name == "x_shiftnet_pose"
    assert choose_network(None, default_model="epam_net", num_classes=4).spec.name == "epam_net"


def test_what_agrees_with_the_manifest_may_be_said_again(trained_pose_network: Callable[..., Path]) -> None:
    path = trained_pose_network()
    options = {"stem_channels": 8, "stage_blocks": [1, 1], "temporal_shift": True}
    choice = choose_network(
        "x_shiftnet_pose", checkpoint=path, num_classes=12, options=options, clip=THIN_CLIP
    )
    assert choice.options == THIN


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"model": "epam_net"}, "holds weights of x_shiftnet_pose, and the model asked for is epam_net"),
        ({"num_classes": 60}, "has 12 classes, and 60 were asked for; .*trained on, embedded xsub"),
        (
            {"num_classes": 60, "dataset": "ntu60", "protocol": "xview"},
            "has 12 classes, and ntu60 xview has 60; choose the data set .* trained on, embedded xsub",
        ),
        ({"options": {"stem_channels": 24}}, "trained with stem_channels = 8, and 24 was asked for"),
        ({"options": {"temporal_shift": False}}, "trained with temporal_shift = True, and False"),
        ({"clip": PAPER_SIZE}, "trained on clips of 6×96² RGB and 18×24² heatmaps, and 16×224²"),
    ],
)
def test_what_contradicts_the_manifest_is_refused_naming_both(
    asked: dict, message: str, trained_pose_network: Callable[..., Path]
) -> None:
    path = trained_pose_network()
    with pytest.raises(InputError, match=message) as caught:
        choose_network(asked.pop("model", None), checkpoint=path, **asked)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_weights_of_another_protocol_or_data_set_come_with_a_caveat(
    trained_pose_network: Callable[..., Path],
) -> None:
    path = trained_pose_network()
    [leak] = choose_network(None, checkpoint=path, dataset="embedded", protocol="xview").caveats
    assert "trained on embedded xsub, and is asked about embedded xview: samples that it was trained" in leak
    [other] = choose_network(None, checkpoint=path, dataset="custom", protocol="mine").caveats
    assert "asked about custom mine: its classes may mean something else there" in other


def test_a_published_file_needs_a_name_and_takes_the_callers_word(tmp_path: Path) -> None:
    path = tmp_path / "published.pth"
    export_published(create_model("x_shiftnet_pose", 5, options=THIN), path)
    with pytest.raises(InputError, match="nothing says which model it is of; name it with --model"):
        choose_network(None, checkpoint=path)
    choice = choose_network("x_shiftnet_pose", checkpoint=path, num_classes=5, options=THIN, clip=THIN_CLIP)
    assert (choice.manifest, choice.caveats) == (None, ())
    assert load_network(choice).checkpoint.format == "published"


def test_a_manifest_of_other_weights_is_refused(trained_pose_network: Callable[..., Path]) -> None:
    path = trained_pose_network()
    save_checkpoint(create_model("x_shiftnet_pose", 12, options=THIN), path)
    with pytest.raises(CheckpointError, match="other weights"):
        choose_network(None, checkpoint=path)


def test_a_manifest_may_not_name_code_to_run(
    trained_pose_network: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("planted_model.py").write_text(
        "from epam_baselines import model_spec\nSPEC = model_spec('x_shiftnet_pose')\n"
    )
    path = trained_pose_network(model="planted_model:SPEC")
    with pytest.raises(InputError, match=r"is code that would be run; .*--model planted_model:SPEC"):
        choose_network(None, checkpoint=path)
    assert "planted_model" not in sys.modules
    choice = choose_network("planted_model:SPEC", checkpoint=path)
    assert choice.spec.name == "x_shiftnet_pose"
    del sys.modules["planted_model"]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"options": {"stem_chanels": 8}}, UnknownNameError, "did you mean 'stem_channels'"),
        ({"model": "x_shiftnet_posse"}, UnknownNameError, "did you mean 'x_shiftnet_pose'"),
        ({"options": {"stage_blocks": (10**9,)}}, InputError, "stage blocks"),
        ({"options": {}}, CheckpointError, "not this model's weights"),
    ],
)
def test_a_manifest_that_describes_no_network_of_ours_is_refused(
    changes: dict, error: type[Exception], message: str, trained_pose_network: Callable[..., Path]
) -> None:
    path = trained_pose_network(**changes)
    with pytest.raises(error, match=message):
        load_network(choose_network(None, checkpoint=path))


@pytest.mark.parametrize(
    ("model", "clip", "message"),
    [
        ("c3d", PAPER_SIZE, r"c3d: clips must be \(N, 3, 16, 112, 112\)"),
        ("epam_net", ClipSize(pose_frames=32), "16 RGB frames need 48 heatmap frames, got 32"),
        ("x_shiftnet_rgb", ClipSize(frame_side=100), "divisible by 32"),
        ("s3d", ClipSize(rgb_frames=1, frame_side=8), "s3d: cannot take a clip of rgb 1×8×8"),
    ],
)
def test_a_clip_that_the_network_cannot_take_is_refused_before_it_is_loaded(
    model: str, clip: ClipSize, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        choose_network(model, num_classes=4, clip=clip)


def test_a_network_that_ignores_the_number_of_classes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    stubborn = dataclasses.replace(
        model_spec("x_shiftnet_pose"), build=lambda *, num_classes: create_model("x_shiftnet_pose", 7)
    )
    monkeypatch.setattr(network, "find_spec", lambda _: stubborn)
    with pytest.raises(InputError, match=r"logits of shape \(1, 7\) for 4 classes"):
        choose_network("stubborn", num_classes=4, clip=PAPER_SIZE)


def test_choosing_draws_no_random_numbers() -> None:
    before = torch.get_rng_state()
    choose_network("x_shiftnet_pose", num_classes=4, options=THIN)
    assert torch.equal(torch.get_rng_state(), before)


# ── Loading and asking ──


def test_random_weights_follow_the_seed_and_come_with_a_caveat() -> None:
    choice = choose_network("x_shiftnet_pose", num_classes=4, options=THIN, clip=THIN_CLIP)
    assert choice.caveats == (RANDOM_WEIGHTS_CAVEAT,)
    clip = thin_clip()
    before = torch.get_rng_state()
    first, again, other = (load_network(choice, seed=seed).score(clip)["pose"] for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_loaded_network_is_in_evaluation_mode() -> None:
    choice = choose_network("x_shiftnet_pose", num_classes=4, options=THIN)
    assert not load_network(choice).module.training


def test_a_missing_checkpoint_and_a_device_that_is_none_are_refused(tmp_path: Path) -> None:
    choice = choose_network("x_shiftnet_pose", checkpoint=tmp_path / "no.safetensors", num_classes=4)
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_network(choice)
    with pytest.raises(UnknownNameError, match="unknown device 'tpu'"):
        load_network(choice, device="tpu")


def test_a_device_without_room_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 1 GiB")

    choice = choose_network("x_shiftnet_pose", num_classes=4, options=THIN)
    monkeypatch.setattr(nn.Module, "to", run_out)
    with pytest.raises(InputError, match=r"device 'cpu': cannot be used \(CUDA out of memory\.\); try"):
        load_network(choice)


def test_a_network_too_large_to_be_built_is_told() -> None:
    huge = dataclasses.replace(
        choose_network("x_shiftnet_pose", num_classes=4, options=THIN), num_classes=10**14
    )
    with pytest.raises(InputError, match=r"x_shiftnet_pose: cannot be built .*meant so large"):
        load_network(huge)


class Fixed(nn.Module):
    """Gives the same output whatever it is asked."""

    def __init__(self, output: object) -> None:
        super().__init__()
        self.output = output

    def forward(self, *_: torch.Tensor) -> object:
        return self.output


def fixed(output: object, model: str = "epam_net") -> Network:
    return Network(module=Fixed(output), spec=model_spec(model), num_classes=2, device=torch.device("cpu"))


def test_scores_of_both_streams_come_with_their_sum_in_front() -> None:
    answer = fixed(EPAMLogits(rgb=torch.tensor([[1.0, 2.0]]), pose=torch.tensor([[5.0, -1.0]]))).score([])
    assert {stream: logits.tolist() for stream, logits in answer.items()} == {
        "fused": [6.0, 1.0],
        "rgb": [1.0, 2.0],
        "pose": [5.0, -1.0],
    }
    assert next(iter(answer)) == "fused"


@pytest.mark.parametrize(("model", "stream"), [("x3d_m", "rgb"), ("posec3d", "pose"), ("epam_net", "fused")])
def test_single_logits_are_named_after_what_the_network_sees(model: str, stream: str) -> None:
    assert list(fixed(torch.zeros(1, 2), model).score([])) == [stream]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(InputError, match="x3d_m: the logits are not finite"):
        fixed(torch.tensor([[0.0, value]]), "x3d_m").score([])


def test_no_memory_on_the_device_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    full = fixed(None)

    def run_out(*_: torch.Tensor) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(full.module, "forward", run_out)
    with pytest.raises(InputError, match="no memory for one clip on cpu"):
        full.score([])


# ── Its fast form ──


def test_a_fast_form_is_asked_in_the_networks_place(trained_pose_network: Callable[..., Path]) -> None:
    loaded = load_network(choose_network(None, checkpoint=trained_pose_network()))
    fast = with_fast_form(loaded, backend="fused")
    clip = thin_clip()
    np.testing.assert_allclose(fast.score(clip)["pose"], loaded.score(clip)["pose"], rtol=1e-3, atol=1e-5)
    assert fast.form is not None
    assert fast.module is loaded.module
    fast.module.register_forward_hook(lambda *_: pytest.fail("the module was asked"))
    fast.score(clip)


def test_an_unknown_backend_is_refused(trained_pose_network: Callable[..., Path]) -> None:
    loaded = load_network(choose_network(None, checkpoint=trained_pose_network()))
    with pytest.raises(UnknownNameError, match="unknown backend 'fussed'; did you mean 'fused'"):
        with_fast_form(loaded, backend="fussed")
