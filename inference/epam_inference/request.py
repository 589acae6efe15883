"""What can be asked on the command line: each field is an option, and reads in the help as it does here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import typer

from epam_inference.modality import Modality


@dataclass(frozen=True, kw_only=True)
class _SharedOptions:
    """The options that both commands have."""

    video: Annotated[
        Path | None, typer.Option(help="A video file to predict, or a folder of videos to evaluate.")
    ] = None
    annotations: Annotated[
        Path | None,
        typer.Option(
            help="Keypoints: a pickle in the pyskl/MMAction2 layout, or a plain list. Alone, it is "
            "evaluated, and the videos are looked for beside it and in videos224/ and videos/ there."
        ),
    ] = None
    sample: Annotated[
        str | None,
        typer.Option(help="The sample to predict; by default the one that the video is named after."),
    ] = None
    checkpoint: Annotated[
        Path | None, typer.Option(help="Weights, ours (.safetensors) or published (.pth). By default random.")
    ] = None
    dataset: Annotated[
        str, typer.Option(help="Names the classes: ntu60, ntu120, pku_mmd or toyota_smarthome.")
    ] = "ntu60"
    protocol: Annotated[str, typer.Option(help="The data set's protocol, such as xsub or xview.")] = "xsub"
    topk: Annotated[int, typer.Option(min=1, help="How many classes a prediction lists.")] = 5
    split: Annotated[
        str | None,
        typer.Option(help="Evaluate this split of the file; by default the protocol's test split."),
    ] = None
    scores: Annotated[
        Path | None, typer.Option(help="Save an evaluation's scores by sample to this .json or .npz file.")
    ] = None
    allow_missing: Annotated[
        bool,
        typer.Option(
            "--allow-missing",
            help="Exit with 0, not 3, if samples were skipped: no video, a damaged one, nobody in it.",
        ),
    ] = False
    batch_size: Annotated[int, typer.Option(min=1, help="Clips in a forward pass of an evaluation.")] = 1
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N.")] = "cpu"
    seed: Annotated[
        int, typer.Option(min=0, help="Draws the random weights where no checkpoint is given.")
    ] = 0
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False

    @property
    def is_evaluation(self) -> bool:
        """A named sample or a single video is predicted; a folder, or annotations alone, are evaluated."""
        return self.sample is None and (self.video is None or self.video.is_dir())


@dataclass(frozen=True, kw_only=True)
class MultimodalRequest(_SharedOptions):
    r"""Predict the action in a video with EPAM-Net, RGB and pose together, or evaluate a folder of them.

    ```
    # a small data set to try it on
    .venv/bin/epam-data synth -o data

    # predict one video
    .venv/bin/python inference/test_multimodal.py \
      --video data/videos224/S001C001P003R001A023_rgb.mp4 \
      --annotations data/ntu60_2d.pkl --checkpoint epam_net.pth

    # the best class alone, for a script
    .venv/bin/python inference/test_multimodal.py ... --json |
      jq -r '.fused[0].name'

    # evaluate the protocol's test split, and keep the scores
    .venv/bin/python inference/test_multimodal.py --protocol xsub \
      --annotations data/ntu60_2d.pkl --checkpoint epam_net.pth \
      --scores scores.npz
    ```

    Exits with 2 on input that cannot be used, 3 if an evaluation skipped samples, 130 on Ctrl-C.
    """

    modality: ClassVar[Modality] = "multimodal"


@dataclass(frozen=True, kw_only=True)
class UnimodalRequest(_SharedOptions):
    r"""Predict the action with one X-ShiftNet alone, on RGB or on pose, or evaluate it.

    ```
    # a video of 224 × 224 needs no annotations; a larger one is
    # cropped to the people in them
    .venv/bin/python inference/test.py --modality rgb \
      --video clip.mp4 --checkpoint rgb.pth

    # pose needs no video
    .venv/bin/python inference/test.py --modality pose \
      --annotations ntu60_2d.pkl --sample S001C001P003R001A023

    # evaluate the protocol's test split
    .venv/bin/python inference/test.py --modality pose \
      --annotations ntu60_2d.pkl --protocol xview --checkpoint pose.pth
    ```

    Exits with 2 on input that cannot be used, 3 if an evaluation skipped samples, 130 on Ctrl-C.
    """

    modality: Annotated[Literal["rgb", "pose"], typer.Option(help="The stream to ask.")]


Request = MultimodalRequest | UnimodalRequest
