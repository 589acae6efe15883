from __future__ import annotations

import numpy as np
import torch

from epam.data.annotations import load_annotations
from epam.data.clip import prepare_clip
from epam.data.synthetic import SyntheticDataset
from epam_inference.clip_choice import ChosenClip
from epam_inference.network import RANDOM_WEIGHTS_CAVEAT, load_network
from epam_inference.prediction import predict
from epam_inference.results import ClassSet


def test_a_prediction_holds_what_the_network_says_of_the_prepared_clip(
    dataset: SyntheticDataset, classes: ClassSet, wave: str
) -> None:
    annotation = load_annotations(dataset.annotations).find(wave)
    video = dataset.crops / f"{wave}_rgb.mp4"
    network = load_network("multimodal", num_classes=60, seed=3)
    prediction = predict(network, classes, ChosenClip(wave, annotation, video, ("assumed",)))

    rgb, heatmaps = prepare_clip(annotation, video)
    with torch.inference_mode():
        expected = network.module(rgb[None], heatmaps[None])
    np.testing.assert_allclose(prediction.logits["fused"], expected.fused[0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(prediction.logits["pose"], expected.pose[0], rtol=1e-5, atol=1e-7)
    assert list(prediction.logits) == ["fused", "rgb", "pose"]
    assert (prediction.sample, prediction.label, prediction.video) == (wave, 22, str(video))
    assert prediction.caveats == ("assumed", RANDOM_WEIGHTS_CAVEAT)
    assert set(prediction.seconds) == {"decode", "crop", "heatmaps", "normalise", "network"}


def test_without_annotations_the_label_is_unknown(
    dataset: SyntheticDataset, classes: ClassSet, wave: str, constant_network: type
) -> None:
    clip = ChosenClip(wave, None, dataset.crops / f"{wave}_rgb.mp4", ())
    prediction = predict(constant_network("rgb"), classes, clip)
    assert prediction.label is None
    assert prediction.top("rgb", 1)[0].index == 22
