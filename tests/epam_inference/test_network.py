from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import epam
from epam.errors import CheckpointError, InputError, UnknownNameError
from epam_inference.network import RANDOM_WEIGHTS_CAVEAT, Network, load_network


@pytest.fixture(scope="module")
def heatmaps() -> torch.Tensor:
    return torch.rand(17, 48, 56, 56, generator=torch.Generator().manual_seed(0))


def test_random_weights_are_the_seeds_and_are_owned_up_to(heatmaps: torch.Tensor) -> None:
    before = torch.random.get_rng_state()
    networks = [load_network("pose", num_classes=5, seed=seed) for seed in (1, 1, 2)]
    assert torch.equal(torch.random.get_rng_state(), before)
    first, again, other = (network.score([(heatmaps,)])[0]["pose"] for network in networks)
    assert first.shape == (5,)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert networks[0].caveats == (RANDOM_WEIGHTS_CAVEAT,)


def test_a_published_checkpoint_gives_its_own_networks_logits(tmp_path: Path, heatmaps: torch.Tensor) -> None:
    torch.manual_seed(7)
    model = epam.x_shiftnet_pose(num_classes=5)
    path = tmp_path / "pose.pth"
    epam.export_published(model, path)
    digest = epam.save_checkpoint(model, tmp_path / "pose.safetensors")
    network = load_network("pose", num_classes=5, checkpoint=path)
    with torch.inference_mode():
        expected = model.eval()(heatmaps[None])[0].numpy()
    [scores] = network.score([(heatmaps,)])
    np.testing.assert_allclose(scores["pose"], expected, rtol=1e-5, atol=1e-7)
    assert network.caveats == ()
    assert network.checkpoint == epam.CheckpointInfo(path, "published", digest)


def test_a_checkpoint_of_another_class_count_says_both_counts(tmp_path: Path) -> None:
    path = tmp_path / "pose.safetensors"
    epam.save_checkpoint(epam.x_shiftnet_pose(num_classes=7), path)
    with pytest.raises(CheckpointError, match=r"pose\.safetensors: .*7 classes.*60"):
        load_network("pose", num_classes=60, checkpoint=path)


def test_a_checkpoint_or_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nosuch\.pth"):
        load_network("pose", num_classes=5, checkpoint=tmp_path / "nosuch.pth")
    with pytest.raises(UnknownNameError, match="unknown device 'quantum'"):
        load_network("pose", num_classes=5, device="quantum")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has one")
def test_cuda_without_a_device_is_refused() -> None:
    with pytest.raises(InputError, match=r"device 'cuda': .*use --device cpu"):
        load_network("pose", num_classes=5, device="cuda")


def test_a_device_without_room_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 1 GiB")

    monkeypatch.setattr(torch.nn.Module, "to", run_out)
    with pytest.raises(InputError, match=r"device 'cpu': cannot be used \(CUDA out of memory\.\); try"):
        load_network("pose", num_classes=5)


def test_the_fused_score_is_the_sum_of_the_streams() -> None:
    class TwoStreams(torch.nn.Module):
        def forward(self, rgb: torch.Tensor, heatmaps: torch.Tensor) -> epam.EPAMLogits:
            return epam.EPAMLogits(rgb=rgb, pose=heatmaps)

    network = Network(TwoStreams(), "multimodal", torch.device("cpu"), None)
    [first, second] = network.score(
        [(torch.tensor([1.0, 2]), torch.tensor([10.0, 0])), (torch.tensor([3.0, 4]), torch.tensor([0.0, 20]))]
    )
    assert {stream: logits.tolist() for stream, logits in first.items()} == {
        "fused": [11, 2],
        "rgb": [1, 2],
        "pose": [10, 0],
    }
    assert second["fused"].tolist() == [3, 24]


def test_logits_that_are_not_finite_are_refused() -> None:
    network = Network(torch.nn.Identity(), "pose", torch.device("cpu"), None)
    with pytest.raises(InputError, match="not finite"):
        network.score([(torch.tensor([1.0, float("nan")]),)])
