"""One chosen clip becomes the scores of its classes."""

from __future__ import annotations

from epam_inference.clip_choice import ChosenClip
from epam_inference.clip_inputs import prepare_inputs
from epam_inference.network import Network
from epam_inference.results import ClassSet, Prediction
from epam_inference.stopwatch import Stopwatch


def predict(
    network: Network, classes: ClassSet, clip: ChosenClip, *, stopwatch: Stopwatch | None = None
) -> Prediction:
    """Prepare the clip as in the published tests, and score it.

    Args:
        network: asked for the scores.
        classes: the data set and protocol that name the classes.
        clip: the sample, its annotation and its video.
        stopwatch: gets the seconds of every step.

    Raises:
        NoPersonError: nobody is in the clip.
        VideoError: the video is missing, damaged or another one.
    """
    stopwatch = stopwatch or Stopwatch()
    inputs = prepare_inputs(network.modality, clip.annotation, clip.video, stopwatch)
    with stopwatch.step("network"):
        [logits] = network.score([inputs])
    return Prediction(
        sample=clip.sample,
        video=str(clip.video) if clip.video else None,
        model=network.name,
        classes=classes,
        logits=logits,
        label=clip.annotation.label if clip.annotation else None,
        checkpoint=network.checkpoint,
        seconds=stopwatch.seconds,
        caveats=clip.caveats + network.caveats,
    )
