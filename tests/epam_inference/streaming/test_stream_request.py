"""``epam-predict`` inside this process, on drawn videos, with networks that always say the same."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from epam import EPAMLogits
from epam.data.synthetic import SyntheticDataset
from epam.errors import InputError
from epam_baselines.network import Network
from epam_inference import command
from epam_inference.streaming import stream_request
from epam_inference.streaming.frame_source import FrameSource, open_source
from epam_inference.streaming.stream_request import parse_length

Outcome = tuple[int, str, str]
Run = Callable[..., Outcome]


@pytest.fixture
def predict(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run it on the embedded data set: exit code, stdout, stderr."""

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["epam-predict", "--dataset", "embedded", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            command.predict()
        out, err = capsys.readouterr()
        return int(exit_.value.code or 0), out, err

    return call


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch, constant_network: Callable[..., Network]) -> Callable[..., Network]:
    """Put a network that always says waving into the place of the one that is loaded, as it is."""

    def put(kind: str) -> Network:
        network = constant_network(kind)
        monkeypatch.setattr(stream_request, "load_network", lambda *_, **__: network)
        monkeypatch.setattr(stream_request, "with_fast_form", lambda network, **_: network)
        return network

    return put


@pytest.fixture
def video(dataset: SyntheticDataset, wave: str) -> Path:
    return dataset.crops / f"{wave}_rgb.mp4"


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_a_file_is_decided_on_window_by_window_and_summed_up(
    predict: Run, use: Callable[..., Network], dataset: SyntheticDataset, video: Path
) -> None:
    use("multimodal")
    code, out, err = predict(
        "--stream", video, "--annotations", dataset.annotations, "--no-pace", "--json", "--window", "20f",
        "--stride", "10f", "--topk", 2,
    )  # fmt: skip
    assert (code, err) == (0, "")
    *decisions, last = lines(out)
    assert [entry["first_frame"] for entry in decisions[:2]] == [0, 10]
    assert decisions[0]["fused"][0]["name"] == "wave a hand"
    assert len(decisions[0]["rgb"]) == 2
    assert last["summary"]["windows"] == len(decisions) >= 3
    assert last["summary"]["deadline_misses"] is None


def test_a_file_at_its_own_pace_has_deadlines(
    predict: Run, use: Callable[..., Network], dataset: SyntheticDataset, video: Path
) -> None:
    use("pose")
    code, out, _ = predict(
        "--stream", video, "--root", dataset.root, "--window", "0.5s", "--stride", "0.5s",
        "--model", "x_shiftnet_pose",
    )  # fmt: skip
    assert code == 0
    assert out.startswith("0.00–0.47 s  wave a hand 1 · ")
    assert "ended by the end of the stream" in out
    assert "deadline misses: " in out


class Signalling(torch.nn.Module):
    """Sends this process a signal while it decides for the second time; the first is the warm-up."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__()
        self.number = number
        self.calls = 0

    def forward(self, *inputs: torch.Tensor) -> EPAMLogits | torch.Tensor:
        self.calls += 1
        if self.calls == 2:
            os.kill(os.getpid(), self.number)
        return torch.zeros(len(inputs[0]), 12)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_and_sigterm_end_it_with_the_summary(
    predict: Run, use: Callable[..., Network], video: Path, number: signal.Signals, status: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    object.__setattr__(use("rgb"), "module", Signalling(number))
    code, out, err = predict(
        "--stream", video, "--model", "x_shiftnet_rgb", "--window", "10f", "--stride", "5f", "--json"
    )
    assert code == status
    assert len(lines(out)) >= 2
    assert lines(out)[-1]["summary"]["ended_by"] == "the user"
    assert err == ""
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_file_that_was_cut_short_is_summed_up_and_then_refused(
    predict: Run, use: Callable[..., Network], video: Path, dataset: SyntheticDataset, wave: str, sit: str
) -> None:
    use("multimodal")
    other = dataset.crops / f"{sit}_rgb.mp4"
    frames = {name: _frames(dataset, name) for name in (wave, sit)}
    short, long = sorted(frames, key=lambda name: frames[name])
    shown = video if short == wave else other
    code, out, err = predict(
        "--stream", shown, "--annotations", dataset.annotations, "--sample", long, "--no-pace",
        "--window", "20f", "--stride", "20f",
    )  # fmt: skip
    assert code == 2
    assert "ended by a problem" in out
    assert (
        f"{frames[short]} frames can be decoded, its annotation says {frames[long]}" in err.splitlines()[-1]
    )
    assert err.splitlines()[-1].startswith("error: ")


def _frames(dataset: SyntheticDataset, name: str) -> int:
    from epam.data.annotations import load_annotations

    return load_annotations(dataset.annotations).find(name).total_frames


def test_rgb_without_keypoints_is_told_to_see_whole_frames(
    predict: Run, use: Callable[..., Network], dataset: SyntheticDataset, wave: str
) -> None:
    use("rgb")
    assert dataset.videos is not None
    large = dataset.videos / f"{wave}_rgb.mp4"
    code, _, err = predict("--stream", large, "--model", "x_shiftnet_rgb", "--no-pace", "--window", "900f")
    assert code == 0
    assert "the network sees whole frames" in err
    assert "frames came, not a window's 900" in err


def test_frames_between_windows_are_told(predict: Run, use: Callable[..., Network], video: Path) -> None:
    use("rgb")
    arguments = ("--stream", video, "--model", "x_shiftnet_rgb", "--no-pace", "--window", "10f")
    _, _, err = predict(*arguments, "--stride", "30f")
    assert err == (
        "caveat: a stride of 30 frames is longer than a window of 10: 20 frames between two windows are "
        "never looked at\n"
    )
    assert predict(*arguments, "--stride", "10f")[2] == ""


def test_a_camera_is_opened_when_all_else_is_ready_and_a_file_is_looked_at_before(
    predict: Run, use: Callable[..., Network], video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use("rgb")
    order: list[str] = []

    def make_fast(network: Network, **_: object) -> Network:
        order.append("network")
        return network

    def open_it(text: str, **_: object) -> FrameSource:
        order.append("source")
        return open_source(str(video), paced=False)

    monkeypatch.setattr(stream_request, "with_fast_form", make_fast)
    monkeypatch.setattr(stream_request, "open_source", open_it)
    for stream, expected in (("0", ["network", "source"]), (video, ["source", "network"])):
        order.clear()
        code, _, _ = predict("--stream", stream, "--model", "x_shiftnet_rgb", "--window", "900f")
        assert (code, order) == (0, expected)


def test_classes_that_are_named_otherwise_than_in_training_are_told(
    predict: Run, trained_pose_network: Callable[..., Path], dataset: SyntheticDataset, video: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    checkpoint = tmp_path / "best.safetensors"
    arguments = (
        "--stream", video, "--root", dataset.root, "--checkpoint", checkpoint, "--no-pace",
        "--window", "20f", "--stride", "900f", "--backend", "eager",
    )  # fmt: skip
    trained_pose_network(checkpoint)
    assert "other names" not in predict(*arguments)[2]
    trained_pose_network(checkpoint, label_map_sha256="1" * 64)
    code, _, err = predict(*arguments)
    assert code == 0
    assert f"caveat: {checkpoint}: was trained on classes of other names, or in another order" in err


def test_int8_is_calibrated_on_other_videos_than_the_one_that_is_watched(
    predict: Run, use: Callable[..., Network], dataset: SyntheticDataset, train_wave: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    pytest.importorskip("openvino")
    use("rgb")
    given: list[Any] = []

    def make_fast(network: Network, *, precision: str, calibration: Any, **_: object) -> Network:
        assert precision == "int8"
        given.extend(calibration)
        return network

    monkeypatch.setattr(stream_request, "with_fast_form", make_fast)
    arguments = (
        "--stream", dataset.crops / f"{train_wave}_rgb.mp4", "--model", "x_shiftnet_rgb", "--no-pace",
        "--window", "900f", "--backend", "openvino", "--precision", "int8",
    )  # fmt: skip
    code, _, err = predict(*arguments, "--calibration-root", dataset.root)
    assert code == 0
    assert [clip[0].shape[0] for clip in given] == [1, 1]  # of three training clips
    assert "int8 calibrated on 2 clips of the training part of embedded xsub" in err
    assert_refused(predict(*arguments), "--precision int8: needs real clips")
    assert_refused(predict(*arguments, "--calibration-root", "nowhere"), "nowhere: no such folder")


def assert_refused(outcome: Outcome, message: str) -> None:
    code, out, err = outcome
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to predict: name a video with --video"),
        (("--no-pace",), "--no-pace: only with --stream"),
        (("--window", "3s", "--backend", "eager"), "--window, --backend: only with --stream"),
        (("--stream", "0", "--video", "x.mp4"), "--video: not with --stream"),
        (("--stream", "0", "--views", "2"), "--views: not with --stream"),
        (("--stream", "0"), "needs keypoints: find them with --poses rtmlib"),
        (("--stream", "clip.mp4"), "needs keypoints: give them with --annotations, find them"),
        (("--stream", "0", "--annotations", "a.pkl"), "only for a file"),
        (("--stream", "c.mp4", "--annotations", "a.pkl", "--poses", "rtmlip"), "unknown pose estimator"),
        (("--stream", "0", "--precision", "int8"), "backend fused: has no int8"),
        (("--stream", "0", "--calibration-root", "data"), "--calibration-root: only for --precision int8"),
        (("--video", "a.mp4", "--calibration-root", "data"), "--calibration-root: only with --stream"),
        (("--stream", "0", "--backend", "fussed"), "unknown backend 'fussed'"),
        (("--stream", "0", "--device", "tpu"), "unknown device 'tpu'"),
        (("--stream", "missing.mp4", "--model", "x_shiftnet_rgb"), "missing.mp4: no such file"),
    ],
)
def test_nonsense_is_one_line(
    predict: Run, use: Callable[..., Network], arguments: tuple[str, ...], message: str
) -> None:
    use("rgb")
    assert_refused(predict(*arguments), message)


def test_an_estimator_that_is_not_installed_says_what_to_install(
    predict: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert_refused(predict("--stream", "0", "--poses", "rtmlib"), "pip install 'epam-bench[pose]'")


@pytest.mark.parametrize(
    ("text", "frames"), [("3s", 90), ("3", 90), ("0.5s", 15), (".1", 3), ("48f", 48), (" 2 s ", 60)]
)
def test_a_length_is_seconds_or_frames(text: str, frames: int) -> None:
    assert parse_length("--window", text, 30.0) == frames


@pytest.mark.parametrize("text", ["", "3m", "-1s", "0s", "1e9f", "9999999f", "nan", "9" * 400])
def test_a_length_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--window"):
        parse_length("--window", text, 30.0)


def test_a_video_is_predicted_by_the_network_that_the_checkpoint_or_model_is_of(
    predict: Run, monkeypatch: pytest.MonkeyPatch, constant_network: Callable[..., Network],
    dataset: SyntheticDataset, video: Path, wave: str,
) -> None:  # fmt: skip
    asked: list[str] = []

    def load(kind: str, *_: object, **__: object) -> Network:
        asked.append(kind)
        return constant_network(kind)

    monkeypatch.setattr("epam_inference.run.load_network", load)
    code, out, _ = predict("--video", video, "--annotations", dataset.annotations, "--json")
    assert code == 0
    assert json.loads(out)["sample"] == wave
    code, _, _ = predict(
        "--annotations", dataset.annotations, "--sample", wave, "--model", "x_shiftnet_pose", "--json"
    )
    assert code == 0
    assert asked == ["multimodal", "pose"]
