from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import epam
from epam.checkpoints import hash_weights, published_state
from epam.errors import CheckpointError
from epam.reference import build_twin


@pytest.fixture(scope="module")
def pose_model() -> epam.XShiftNetRecognizer:
    torch.manual_seed(3)
    return epam.x_shiftnet_pose(6)


def fresh_pose() -> epam.XShiftNetRecognizer:
    torch.manual_seed(99)
    return epam.x_shiftnet_pose(6)


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    return hash_weights(one.state_dict()) == hash_weights(other.state_dict())


def wrapped(state: dict, wrapping: str) -> dict:
    return state if wrapping == "bare" else {wrapping: state, "epoch": 4}


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("wrapping", ["model_state_dict", "state_dict", "bare"])
def test_published_multimodal_file_gives_the_twins_logits(tmp_path: Path, wrapping, prefix, lively) -> None:
    source = lively(epam.EPAMNet(6)).eval()
    twin = build_twin(source)
    state = {prefix + key: value for key, value in twin.state_dict().items()}
    assert len(state) == 1071
    assert state[prefix + "rgb_backbone.layer1.0.conv2.conv.weight"].shape == (54, 1, 1, 3, 3)
    torch.save(wrapped(state, wrapping), tmp_path / "published.pth")

    model = epam.EPAMNet(6).eval()
    info = epam.load_checkpoint(model, tmp_path / "published.pth")

    assert info.format == "published"
    inputs = torch.randn(1, 3, 2, 32, 32), torch.rand(1, 17, 6, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(model(*inputs).fused, twin(*inputs).fused, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("prefixes", [("backbone.", "cls_head."), ("pose_backbone.", "pose_cls_head.")])
@pytest.mark.parametrize("module", ["", "module."])
def test_unimodal_file_loads_under_either_prefix(tmp_path: Path, prefixes, module, pose_model) -> None:
    state = {}
    for key, value in published_state(pose_model).items():
        own, rest = key.split(".", 1)
        state[module + prefixes[0 if own == "backbone" else 1] + rest] = value
    torch.save({"state_dict": state}, tmp_path / "pose.pth")
    model = fresh_pose()
    epam.load_checkpoint(model, tmp_path / "pose.pth")
    assert same_weights(model, pose_model)


@pytest.mark.parametrize("save", [epam.save_checkpoint, epam.export_published])
def test_round_trip_keeps_every_bit(tmp_path: Path, save, pose_model) -> None:
    save(pose_model, tmp_path / "file")
    model = fresh_pose()
    info = epam.load_checkpoint(model, tmp_path / "file")
    assert same_weights(model, pose_model)
    assert info.weights_sha256 == hash_weights(pose_model.state_dict())
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_our_file_loads_into_the_twin_as_well(tmp_path: Path, pose_model) -> None:
    epam.save_checkpoint(pose_model, tmp_path / "ours.safetensors")
    twin = build_twin(fresh_pose())
    epam.load_checkpoint(twin, tmp_path / "ours.safetensors")
    assert torch.equal(twin.backbone.conv1_s.conv.weight.squeeze(2), pose_model.backbone.conv1_s.conv.weight)


def refused(path: Path, match: str) -> str:
    """Load into a fresh network; the error's text, after seeing that no weight has moved."""
    model = fresh_pose()
    before = hash_weights(model.state_dict())
    with pytest.raises(CheckpointError, match=match) as caught:
        epam.load_checkpoint(model, path)
    assert hash_weights(model.state_dict()) == before
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_surplus_and_misshaped_keys_are_told_in_one_error(tmp_path: Path, pose_model) -> None:
    state = published_state(pose_model)
    del state["backbone.conv5.bn.weight"]
    state["backbone.extra"] = torch.zeros(1)
    state["backbone.conv1_s.conv.weight"] = torch.zeros(24, 17, 2, 3, 3)
    torch.save(state, tmp_path / "off.pth")
    text = refused(tmp_path / "off.pth", "not this model's weights")
    assert "1 missing: backbone.conv5.bn.weight" in text
    assert "1 surplus: backbone.extra" in text
    assert "backbone.conv1_s.conv.weight (24, 17, 2, 3, 3), the model's is (24, 17, 3, 3)" in text


def test_many_wrong_keys_are_counted_not_poured_out(tmp_path: Path) -> None:
    torch.save(published_state(epam.x_shiftnet_rgb(6)), tmp_path / "rgb.pth")
    assert len(refused(tmp_path / "rgb.pth", "more")) < 3000


def test_wrong_class_count_is_named(tmp_path: Path) -> None:
    epam.export_published(epam.x_shiftnet_pose(12), tmp_path / "twelve.pth")
    refused(tmp_path / "twelve.pth", "for 12 classes, the model for 6")


class RunsCode:
    def __reduce__(self) -> tuple:
        return os.system, ("touch executed",)


def test_code_in_a_pickle_is_refused_and_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {"weight": RunsCode()}}, tmp_path / "attack.pth")
    refused(tmp_path / "attack.pth", r"would run (posix|nt)\.system, so it was refused")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html>Sign in</html>", "web page"),
        (b"", "empty"),
        (b"\x80\x04not a pickle at all", "not a readable checkpoint|refused"),
        (b"\x10\0\0\0\0\0\0\0{garbage garbag", "damaged safetensors"),
    ],
)
def test_what_is_no_checkpoint_is_said_to_be_what_it_is(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "file.pth").write_bytes(content)
    refused(tmp_path / "file.pth", message)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere.pth", "no such checkpoint")
    refused(tmp_path, "cannot be read")


@pytest.mark.parametrize("cut", [10, 200, 5000, -100])
@pytest.mark.parametrize("save", [epam.save_checkpoint, epam.export_published])
def test_truncated_file_is_refused(tmp_path: Path, save, cut: int, pose_model) -> None:
    save(pose_model, tmp_path / "whole")
    (tmp_path / "cut").write_bytes((tmp_path / "whole").read_bytes()[:cut])
    refused(tmp_path / "cut", "damaged|not a readable|refused")


def test_one_flipped_bit_in_our_file_is_found(tmp_path: Path, pose_model) -> None:
    epam.save_checkpoint(pose_model, tmp_path / "ours")
    data = bytearray((tmp_path / "ours").read_bytes())
    data[-1000] ^= 1
    (tmp_path / "ours").write_bytes(data)
    refused(tmp_path / "ours", "sha256")


def test_compressed_archive_is_refused_before_it_unpacks(tmp_path: Path, pose_model) -> None:
    epam.export_published(pose_model, tmp_path / "plain.pth")
    with (
        zipfile.ZipFile(tmp_path / "plain.pth") as plain,
        zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for member in plain.infolist():
            bomb.writestr(member.filename, plain.read(member))
    refused(tmp_path / "bomb.pth", "compressed")


def test_tensor_that_declares_more_than_it_holds_is_refused(tmp_path: Path, pose_model) -> None:
    state = published_state(pose_model)
    bias = state["cls_head.fc_cls.bias"]
    state["cls_head.fc_cls.bias"] = torch.zeros(1).expand_as(bias)
    torch.save(state, tmp_path / "strided.pth")
    refused(tmp_path / "strided.pth", "declares more elements")


SPECIAL_TENSORS = {
    "quantised": lambda: torch.quantize_per_tensor(torch.zeros(6), 0.1, 0, torch.quint8),
    "sparse": lambda: torch.zeros(6).to_sparse(),
    "complex": lambda: torch.zeros(6, dtype=torch.complex64),
    "meta": lambda: torch.zeros(6, device="meta"),
}


@pytest.mark.parametrize("kind", list(SPECIAL_TENSORS))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_tensor_of_another_kind_is_refused_before_any_weight_moves(tmp_path: Path, kind, pose_model) -> None:
    state = published_state(pose_model)
    state["cls_head.fc_cls.bias"] = SPECIAL_TENSORS[kind]()
    torch.save(state, tmp_path / "special.pth")
    refused(tmp_path / "special.pth", "cls_head.fc_cls.bias is not a plain real tensor|refused")


def test_value_that_overflows_the_models_precision_is_refused(tmp_path: Path, pose_model) -> None:
    state = {k: v.double() if v.is_floating_point() else v for k, v in published_state(pose_model).items()}
    state["cls_head.fc_cls.bias"][2] = 1e300
    torch.save(state, tmp_path / "huge.pth")
    refused(
        tmp_path / "huge.pth",
        r"cls_head.fc_cls.bias holds NaN or infinite values \(in the model's torch.float32\)",
    )


def test_numpy_figures_beside_the_weights_do_not_stand_in_the_way(tmp_path: Path, pose_model) -> None:
    state = {
        "model_state_dict": published_state(pose_model),
        "best": np.float64(96.1),
        "history": np.arange(3.0),
    }
    torch.save(state, tmp_path / "published.pth")
    model = fresh_pose()
    epam.load_checkpoint(model, tmp_path / "published.pth")
    assert same_weights(model, pose_model)


def test_numpy_array_in_a_weights_place_is_no_weight(tmp_path: Path, pose_model) -> None:
    state: dict[str, object] = dict(published_state(pose_model))
    state["cls_head.fc_cls.bias"] = np.zeros(6)
    torch.save(state, tmp_path / "array.pth")
    refused(tmp_path / "array.pth", "not a tensor of weights")


def test_names_that_are_no_text_are_told_for_what_they_are(tmp_path: Path) -> None:
    torch.save({1: torch.zeros(1)}, tmp_path / "numbered.pth")
    refused(tmp_path / "numbered.pth", "a weight's name is of type int, not text")


def test_two_keys_of_one_weight_are_ambiguous(tmp_path: Path, pose_model) -> None:
    state = published_state(pose_model)
    state["pose_cls_head.fc_cls.bias"] = torch.ones(6)
    torch.save(state, tmp_path / "twice.pth")
    refused(tmp_path / "twice.pth", "two entries are both 'cls_head.fc_cls.bias'")


def test_archive_that_declares_more_than_it_holds_is_refused(tmp_path: Path, pose_model, monkeypatch) -> None:
    epam.export_published(pose_model, tmp_path / "plain.pth")
    whole = zipfile.ZipFile.infolist

    def overlapping(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
        return whole(archive) * 2

    monkeypatch.setattr(zipfile.ZipFile, "infolist", overlapping)
    refused(tmp_path / "plain.pth", "declare more bytes")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_torchscript_program_is_named_for_what_it_is(tmp_path: Path) -> None:
    torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)).save(str(tmp_path / "program.pt"))
    refused(tmp_path / "program.pt", "TorchScript")


def test_keys_from_the_file_cannot_break_the_line(tmp_path: Path, pose_model) -> None:
    state = published_state(pose_model)
    state["\x1b[31mevil\nkey" + "k" * 5000] = torch.zeros(1)
    torch.save(state, tmp_path / "evil.pth")
    text = refused(tmp_path / "evil.pth", r"evil\\nkey")
    assert text.isprintable()
    assert len(text) < 1000


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_non_finite_weights_are_refused(tmp_path: Path, value: float, pose_model) -> None:
    state = published_state(pose_model)
    state["backbone.conv5.bn.running_var"][3] = value
    torch.save(state, tmp_path / "diverged.pth")
    refused(tmp_path / "diverged.pth", "backbone.conv5.bn.running_var holds NaN")


@pytest.mark.parametrize("payload", [{}, [1, 2], {"state_dict": {}}, {"weight": [1.0]}, {"epoch": 3}])
def test_file_without_weights_says_so(tmp_path: Path, payload: object) -> None:
    torch.save(payload, tmp_path / "nothing.pth")
    refused(tmp_path / "nothing.pth", "holds no weights|not a tensor")


def test_half_precision_weights_become_the_models_precision(tmp_path: Path, pose_model) -> None:
    half = {k: v.half() if v.is_floating_point() else v for k, v in published_state(pose_model).items()}
    torch.save(half, tmp_path / "half.pth")
    model = fresh_pose()
    epam.load_checkpoint(model, tmp_path / "half.pth")
    assert model.cls_head.fc_cls.weight.dtype == torch.float32
    np.testing.assert_allclose(
        model.cls_head.fc_cls.weight.detach(),
        pose_model.cls_head.fc_cls.weight.detach(),
        rtol=1e-3,
        atol=1e-6,
    )


def test_failed_write_keeps_the_old_file_and_says_why(tmp_path: Path, pose_model, monkeypatch) -> None:
    target = tmp_path / "weights.safetensors"
    epam.save_checkpoint(pose_model, target)
    before = target.read_bytes()

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full_disk)
    with pytest.raises(CheckpointError, match=r"No space left on device.*free disk"):
        epam.save_checkpoint(fresh_pose(), target)
    assert target.read_bytes() == before
    assert list(tmp_path.iterdir()) == [target]


def test_the_same_weights_make_the_same_bytes(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    for number in range(8):
        epam.save_checkpoint(model, tmp_path / f"{number}.safetensors")
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_ignored_prefixes_stay_in_the_file(tmp_path: Path) -> None:
    both = nn.ModuleDict({"0": nn.Linear(2, 3), "other": nn.Linear(3, 1)})
    epam.save_checkpoint(both, tmp_path / "both.safetensors")
    part = nn.Sequential(nn.Linear(2, 3))
    with pytest.raises(CheckpointError, match=r"surplus: other\."):
        epam.load_checkpoint(part, tmp_path / "both.safetensors")
    epam.load_checkpoint(part, tmp_path / "both.safetensors", ignored_prefixes=("other.",))
    assert torch.equal(part[0].weight, both["0"].weight)


def test_a_file_without_counts_of_batches_loads_and_they_start_at_0(tmp_path: Path, pose_model) -> None:
    state = published_state(pose_model)
    without = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    assert len(without) < len(state)
    torch.save({"state_dict": without}, tmp_path / "converted.pth")
    model = fresh_pose()
    model.backbone.conv5.bn.num_batches_tracked.fill_(7)
    epam.load_checkpoint(model, tmp_path / "converted.pth")
    assert same_weights(model, pose_model)


def test_what_a_module_computes_may_be_left_out_and_stays(tmp_path: Path) -> None:
    class Waves(nn.Linear):
        computed_buffers = ("waves",)

        def __init__(self) -> None:
            super().__init__(2, 3)
            self.register_buffer("waves", torch.arange(3.0))

    source, model = Waves(), Waves()
    torch.save({"weight": source.weight, "bias": source.bias}, tmp_path / "without.pth")
    epam.load_checkpoint(model, tmp_path / "without.pth")
    assert torch.equal(model.weight, source.weight)
    assert torch.equal(model.waves, torch.arange(3.0))
    torch.save(source.state_dict() | {"waves": torch.ones(3)}, tmp_path / "with.pth")
    epam.load_checkpoint(model, tmp_path / "with.pth")
    assert torch.equal(model.waves, torch.ones(3))
