from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import epam
from epam.data.data_root import hash_class_names
from epam.errors import CheckpointError, InputError, UnknownNameError
from epam_baselines.network import RANDOM_WEIGHTS_CAVEAT
from epam_inference.network import load_network
from epam_inference.network_kind import DEFAULT_MODELS, NetworkKind
from epam_inference.results import ClassSet


@pytest.fixture(scope="module")
def heatmaps() -> torch.Tensor:
    return torch.rand(17, 6, 24, 24, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", DEFAULT_MODELS)
def test_each_kind_is_the_papers_network_for_the_classes(kind: NetworkKind, classes: ClassSet) -> None:
    network = load_network(kind, classes)
    assert (network.spec.name, network.num_classes) == (DEFAULT_MODELS[kind], 12)
    assert network.caveats == (RANDOM_WEIGHTS_CAVEAT,)


def test_random_weights_are_the_seeds(heatmaps: torch.Tensor, classes: ClassSet) -> None:
    networks = [load_network("pose", classes, seed=seed) for seed in (1, 1, 2)]
    first, again, other = (network.score([heatmaps])["pose"] for network in networks)
    assert first.shape == (12,)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_published_checkpoint_gives_its_own_networks_logits(
    tmp_path: Path, heatmaps: torch.Tensor, classes: ClassSet
) -> None:
    torch.manual_seed(7)
    model = epam.x_shiftnet_pose(num_classes=12)
    path = tmp_path / "pose.pth"
    epam.export_published(model, path)
    digest = epam.save_checkpoint(model, tmp_path / "pose.safetensors")
    network = load_network("pose", classes, checkpoint=path)
    with torch.inference_mode():
        expected = model.eval()(heatmaps[None])[0].numpy()
    np.testing.assert_allclose(network.score([heatmaps])["pose"], expected, rtol=1e-5, atol=1e-7)
    assert network.caveats == ()
    assert network.checkpoint == epam.CheckpointInfo(path, "published", digest)


def test_a_checkpoint_of_another_class_count_says_both_counts(tmp_path: Path, classes: ClassSet) -> None:
    path = tmp_path / "pose.safetensors"
    epam.save_checkpoint(epam.x_shiftnet_pose(num_classes=7), path)
    with pytest.raises(CheckpointError, match=r"pose\.safetensors: .*7 classes.*12"):
        load_network("pose", classes, checkpoint=path)


def test_classes_of_other_names_than_in_training_are_a_caveat_and_numbered_ones_are_not(
    tmp_path: Path, trained_pose_network: Callable[..., Path]
) -> None:
    names = tuple("abcdefghijkl")
    path = trained_pose_network(
        tmp_path / "best.safetensors",
        dataset="custom",
        protocol="mine",
        label_map_sha256=hash_class_names(names),
    )

    def caveats(names: tuple[str, ...]) -> tuple[str, ...]:
        return load_network("pose", ClassSet("custom", "mine", names), checkpoint=path).caveats

    assert caveats(names) == ()
    assert caveats(tuple(f"class {index}" for index in range(12))) == ()
    (told,) = caveats(names[::-1])
    assert told.startswith(f"{path}: was trained on classes of other names, or in another order")
    assert told.endswith("check --class-names")


def test_another_model_of_the_same_kind_may_be_named_and_one_of_another_kind_not(classes: ClassSet) -> None:
    assert load_network("pose", classes, model="posec3d").spec.name == "posec3d"
    with pytest.raises(
        InputError, match=r"the model x3d_m, a network of kind rgb, not pose; .*--modality rgb"
    ):
        load_network("pose", classes, model="x3d_m")


def test_a_device_that_is_not_there_is_refused(classes: ClassSet) -> None:
    with pytest.raises(UnknownNameError, match="unknown device 'quantum'"):
        load_network("pose", classes, device="quantum")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has one")
def test_cuda_without_a_device_is_refused(classes: ClassSet) -> None:
    with pytest.raises(InputError, match=r"device 'cuda': .*use --device cpu"):
        load_network("pose", classes, device="cuda")
