"""What can be asked on the command line, each field an option, and what the exit status answers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import typer

from epam.data.commands.location_options import ClassNamesOption, NumClassesOption
from epam.errors import InputError
from epam_inference.network_kind import NetworkKind

if TYPE_CHECKING:
    from epam.data.data_root import DataLocation

DEFAULT_TOPK = 5
DEFAULT_BATCH_SIZE = 1

LARGEST_TOPK = 1000
LARGEST_BATCH_SIZE = 1024
MOST_WORKERS = 256
MOST_VIEWS = 100
LARGEST_SEED = 2**32 - 1


class ExitCode(IntEnum):
    """Exit statuses; 2 is also what typer gives for an option that does not exist."""

    DONE = 0
    BAD_INPUT = 2
    SKIPPED_SAMPLES = 3
    INTERRUPTED = 130  # 128 + SIGINT, as shells report it
    TERMINATED = 143  # 128 + SIGTERM


@dataclass(frozen=True, kw_only=True)
class _SharedOptions:
    """The options that both commands have; None where it matters whether one was given."""

    video: Annotated[
        Path | None, typer.Option(help="A video file to predict, or a folder of videos to evaluate.")
    ] = None
    annotations: Annotated[
        Path | None,
        typer.Option(
            help="Keypoints: a pickle in the pyskl/MMAction2 layout, or a plain list. Alone, it is "
            "evaluated, with the videos beside it or in videos224/ or videos/ there: where most are."
        ),
    ] = None
    root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="In place of --annotations: a folder that epam-data prepare or synth made, crops and all. "
            "Alone, it is evaluated.",
        ),
    ] = None
    sample: Annotated[
        str | None,
        typer.Option(help="The sample to predict; by default the one that the video is named after."),
    ] = None
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="Weights: ours (.safetensors; a manifest beside it tells the network) or published (.pth). "
            "By default random."
        ),
    ] = None
    model: Annotated[
        str | None,
        typer.Option(
            help="Another model of epam-bench models, or package.module:factory. By default the one that the "
            "checkpoint's manifest names, or else EPAM-Net's."
        ),
    ] = None
    dataset: Annotated[
        str,
        typer.Option(
            help="Names the classes: ntu60, ntu120, pku_mmd, toyota_smarthome, embedded (drawn by epam-data "
            "synth), or custom."
        ),
    ] = "ntu60"
    protocol: Annotated[str, typer.Option(help="The data set's protocol, such as xsub or xview.")] = "xsub"
    num_classes: NumClassesOption = None
    class_names: ClassNamesOption = None
    topk: Annotated[
        int | None,
        typer.Option(
            min=1, max=LARGEST_TOPK, help=f"How many classes a prediction lists. By default {DEFAULT_TOPK}."
        ),
    ] = None
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
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=LARGEST_BATCH_SIZE,
            help=f"Clips in a forward pass of an evaluation. By default {DEFAULT_BATCH_SIZE}.",
        ),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(
            min=0, max=MOST_WORKERS, help="Processes that prepare clips for an evaluation. By default 0."
        ),
    ] = None
    views: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_VIEWS,
            help="Clips of each video in an evaluation; their scores are averaged. By default 1.",
        ),
    ] = None
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N.")] = "cpu"
    seed: Annotated[
        int,
        typer.Option(min=0, max=LARGEST_SEED, help="Draws the random weights where no checkpoint is given."),
    ] = 0
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False

    @property
    def is_evaluation(self) -> bool:
        """A named sample or a single video is predicted; a folder, or annotations alone, are evaluated."""
        return self.sample is None and (self.video is None or self.video.is_dir())

    @property
    def location(self) -> DataLocation:
        """Where the data are."""
        from epam.data.data_root import DataLocation

        return DataLocation(
            dataset=self.dataset,
            protocol=self.protocol,
            root=self.root,
            annotations=(self.annotations,) if self.annotations else (),
            videos=self.video,
            split=self.split,
            num_classes=self.num_classes,
            class_names=self.class_names,
        )

    def check(self) -> None:
        """Raise InputError for options that mean nothing together; ``video`` exists."""
        if self.sample == "":
            raise InputError("--sample: the id is empty; give a sample's id, or leave the option out")
        if self.root and self.annotations:
            raise InputError("--root and --annotations: both say where the keypoints are; give one of them")
        if misplaced := self._misplaced():
            wanted, asked, fix = (
                ("a prediction", "an evaluation", "name one video with --video, or one --sample")
                if self.is_evaluation
                else (
                    "an evaluation",
                    "a prediction",
                    "give a folder of videos, or --root or --annotations alone",
                )
            )
            raise InputError(
                f"{', '.join(misplaced)}: only for {wanted}, and this is {asked}; leave it out, or {fix}"
            )

    def _misplaced(self) -> list[str]:
        if self.is_evaluation:
            given: dict[str, object] = {"--topk": self.topk}
        else:
            given = {
                "--split": self.split,
                "--scores": self.scores,
                "--allow-missing": self.allow_missing or None,
                "--batch-size": self.batch_size,
                "--workers": self.workers,
                "--views": self.views,
            }
        return [name for name, value in given.items() if value is not None]


@dataclass(frozen=True, kw_only=True)
class MultimodalRequest(_SharedOptions):
    r"""Predict the action in a video with EPAM-Net, RGB and pose together, or evaluate a folder of them.

    ```
    # a data set to try it on, drawn
    .venv/bin/epam-data synth -o data

    # predict one of its videos
    .venv/bin/python inference/test_multimodal.py --dataset embedded \
      --video data/videos224/S016C001P003R001A001_rgb.mp4 \
      --root data --checkpoint run/best.safetensors

    # the best class alone, for a script
    .venv/bin/python inference/test_multimodal.py ... --json |
      jq -r '.fused[0].name'

    # evaluate the protocol's test split, and keep the scores
    .venv/bin/python inference/test_multimodal.py --protocol xsub \
      --annotations ntu60_2d.pkl --checkpoint epam_net.pth \
      --scores scores.npz
    ```

    Exits with 2 on input that cannot be used, 3 if an evaluation skipped samples, 130 on Ctrl-C or
    SIGTERM, after which an evaluation tells and saves what it has.
    """

    kind: ClassVar[NetworkKind] = "multimodal"


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

    Exits with 2 on input that cannot be used, 3 if an evaluation skipped samples, 130 on Ctrl-C or
    SIGTERM, after which an evaluation tells and saves what it has.
    """

    modality: Annotated[Literal["rgb", "pose"], typer.Option(help="The stream to ask.")]

    @property
    def kind(self) -> NetworkKind:
        """The network of that modality alone."""
        return self.modality


@dataclass(frozen=True, kw_only=True)
class PredictRequest(_SharedOptions):
    r"""Predict the action in a video, or watch a camera or a file through a sliding window.

    ```
    # one video, with the network that the checkpoint is of
    epam-predict --video clip.avi --annotations ntu60_2d.pkl \
      --checkpoint run/best.safetensors

    # a file as if it were a camera: a decision a second on the last three
    epam-predict --stream clip.avi --annotations ntu60_2d.pkl --window 3s --stride 1s

    # a camera; poses by an estimator (pip install 'epam-bench[pose]')
    epam-predict --stream /dev/video0 --poses rtmlib --backend openvino

    # a camera without poses, a JSON line a decision
    epam-predict --stream 0 --model x_shiftnet_rgb --json

    # anything that ffmpeg can read
    ffmpeg -i rtsp://… -c copy -f matroska - | epam-predict --stream - --model x_shiftnet_rgb
    ```

    A stream ends with its last frame, or with Ctrl-C or SIGTERM, and tells frames a second, decision
    delay, missed deadlines, and the last frames if they were not decided on: there, half a stride is
    enough for a decision. Exits with 2 on input that cannot be used, or a stream that breaks off;
    130 on Ctrl-C, 143 on SIGTERM; without a stream 130 on both, and 3 if an evaluation skipped samples.
    """

    stream: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE", help="Watch a camera (/dev/video0, or its number), a video file, or - (stdin)."
        ),
    ] = None
    window: Annotated[
        str | None, typer.Option(help="What a decision looks at: 3s, or 90f (frames). By default 3s.")
    ] = None
    stride: Annotated[
        str | None, typer.Option(help="From one decision to the next: 1s, or 30f. By default 1s.")
    ] = None
    no_pace: Annotated[
        bool,
        typer.Option("--no-pace", help="Watch a file as fast as possible, rather than at its frame rate."),
    ] = False
    poses: Annotated[
        str | None,
        typer.Option(help="Find keypoints in the stream: rtmlib, rtmlib:balanced or rtmlib:performance."),
    ] = None
    backend: Annotated[
        str | None,
        typer.Option(
            help="What runs a stream's network: fused, eager, openvino, onnxruntime … By default fused."
        ),
    ] = None
    precision: Annotated[
        str | None,
        typer.Option(
            help="Of a stream's network: fp32, bf16, fp16, or int8 (--backend openvino). By default fp32."
        ),
    ] = None
    calibration_root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="For int8: a folder that epam-data prepare or synth made, of whose training part clips "
            "calibrate the network.",
        ),
    ] = None
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="CPU threads of a stream's network. By default one a physical core."),
    ] = None

    def check(self) -> None:
        """Raise InputError for options that mean nothing together."""
        only_streams = {
            "--window": self.window,
            "--stride": self.stride,
            "--no-pace": self.no_pace or None,
            "--poses": self.poses,
            "--backend": self.backend,
            "--precision": self.precision,
            "--calibration-root": self.calibration_root,
            "--threads": self.threads,
        }
        not_streams = {
            "--video": self.video,
            "--split": self.split,
            "--scores": self.scores,
            "--allow-missing": self.allow_missing or None,
            "--batch-size": self.batch_size,
            "--workers": self.workers,
            "--views": self.views,
        }
        options, reason = (
            (only_streams, "only with --stream; leave it out, or name a stream")
            if self.stream is None
            else (not_streams, "not with --stream, which names a camera or a video itself; leave it out")
        )
        if given := [name for name, value in options.items() if value is not None]:
            raise InputError(f"{', '.join(given)}: {reason}")
        if not (self.stream or self.video or self.annotations or self.root):
            raise InputError(
                "nothing to predict: name a video with --video, a camera or video with --stream, or "
                "keypoints with --annotations or --root; --help has examples"
            )
        if self.stream is not None and self.sample == "":
            raise InputError("--sample: the id is empty; give a sample's id, or leave the option out")
        if self.stream is not None and self.root and self.annotations:
            raise InputError("--root and --annotations: both say where the keypoints are; give one of them")
        if self.calibration_root and self.precision != "int8":
            raise InputError(
                "--calibration-root: only for --precision int8; leave it out, or ask for that precision"
            )

    def without_stream(self, kind: NetworkKind) -> MultimodalRequest | UnimodalRequest:
        """The same request of a video or folder, to a network of that kind."""
        shared = {field.name: getattr(self, field.name) for field in fields(_SharedOptions)}
        if kind == "multimodal":
            return MultimodalRequest(**shared)
        return UnimodalRequest(modality=kind, **shared)


Request = MultimodalRequest | UnimodalRequest
