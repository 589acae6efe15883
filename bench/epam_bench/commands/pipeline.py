"""`epam-bench pipeline`: from a video file to a prediction, each step timed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from epam_bench.commands.options import (
    DEFAULT_RECORDS,
    INTERRUPTED,
    Format,
    FormatOption,
    OutputFile,
    RecordsFile,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epam_bench.pipeline import FilmedClip

DRAWN_RATE = 30
"""Frames a second of the videos that are drawn."""

DEFAULT_PERSONS, DEFAULT_SECONDS, DEFAULT_SIZE = "1,2,4", "2,4,8", "640x360"


def pipeline(
    model: Annotated[
        str | None,
        typer.Argument(
            help="A name from `epam-bench models`, or package.module:factory; by default what the "
            "checkpoint was trained as, or else epam_net.",
            show_default=False,
        ),
    ] = None,
    backend: Annotated[
        str,
        typer.Option(help="What runs the network: eager, fused, native, openvino, onnxruntime, compile …"),
    ] = "fused",
    precision: Annotated[str, typer.Option(help="fp32, bf16, fp16 or int8: the network's.")] = "fp32",
    device: Annotated[str, typer.Option(help="cpu, cuda, or cuda:1 …: the network's.")] = "cpu",
    threads: Annotated[
        int | None,
        typer.Option(help="CPU threads; by default one a physical core.", min=1, show_default=False),
    ] = None,
    samples: Annotated[
        int, typer.Option(help="Passes a video with every step timed, and as many timed as a whole.", min=1)
    ] = 20,
    persons: Annotated[
        str | None,
        typer.Option(help="Persons a frame, drawn; several as 1,2,4.", show_default=DEFAULT_PERSONS),
    ] = None,
    seconds: Annotated[
        str | None,
        typer.Option(
            help="Lengths of the videos, drawn at 30 frames a second.", show_default=DEFAULT_SECONDS
        ),
    ] = None,
    frames: Annotated[
        str | None, typer.Option(help="The same in frames, as 60,120,240.", show_default=False)
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="Width × height of the drawn frames.", show_default=DEFAULT_SIZE)
    ] = None,
    video: Annotated[
        Path | None,
        typer.Option(help="Time this video in place of drawn ones.", show_default=False),
    ] = None,
    annotations: Annotated[
        Path | None,
        typer.Option(help="Its keypoints: a pickle in the pyskl/MMAction2 layout.", show_default=False),
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option(help="Its id there; by default the one that it is named after.", show_default=False),
    ] = None,
    poses: Annotated[
        str,
        typer.Option(
            help="Where keypoints come from: auto (an estimator if one is installed; for RGB alone given "
            "ones, if any), given, or rtmlib, rtmlib:balanced …"
        ),
    ] = "auto",
    checkpoint: Annotated[
        Path | None,
        typer.Option("--checkpoint", "-c", help="The weights; without them random ones.", show_default=False),
    ] = None,
    records: RecordsFile = DEFAULT_RECORDS,
    output_format: FormatOption = Format.TABLE,
    output: OutputFile = None,
) -> None:
    """Time the whole way from a video file to a prediction, step by step and in all.

    Decode, pose, sampling and crop, heatmaps, network, fusion; the whole by a clock of its own, on
    passes without the steps' clocks, in random order with the others. Against persons a frame and
    length of the video, on videos that are drawn, or on one of yours.

    Ctrl-C, or a scheduler's SIGTERM, ends it early and keeps what was measured. A run that is killed without
    warning (kill -9, out of memory) leaves nothing: videos take turns, so that all are done at the end only.

    Example: epam-bench pipeline epam_net --backend openvino --persons 1,4 --seconds 2,8

    On a video of yours: epam-bench pipeline --video clip.avi --annotations ntu60_2d.pkl
    """
    from epam.devices import check_device
    from epam_baselines.network import choose_network
    from epam_bench.commands.output import check_outputs, emit, progress, tell
    from epam_bench.pipeline import count_passes, measure_pipeline, plan_pipeline
    from epam_bench.records import append_record
    from epam_reports.tables import pipeline_steps_table, pipeline_table

    check_device(device)
    choice = choose_network(model, checkpoint=checkpoint, default_model="epam_net")
    plan = plan_pipeline(
        choice,
        backend=backend,
        precision=precision,  # type: ignore[arg-type]  # it checks
        device=device,
        threads=threads,
        poses=poses,
    )
    drawn = {"--persons": persons, "--seconds": seconds, "--frames": frames, "--size": size}
    _check_options(drawn, {"--annotations": annotations, "--sample": sample}, video)
    check_outputs(records, output)
    with (
        _clips(drawn, video, annotations, sample) as clips,
        progress("Timing", count_passes(len(clips), samples=samples, warmup=1)) as advance,
    ):
        outcome = measure_pipeline(plan, clips, samples=samples, warmup=1, report=advance)
    for record in outcome.records:
        append_record(records, record)
    if outcome.records:
        # One CSV holds one table.
        others = [] if output_format is Format.CSV else [pipeline_table(outcome.records)]
        tables = [pipeline_steps_table(outcome.records), *others]
        emit(tables, output_format=output_format, output=output, records=outcome.records)
    if outcome.interrupted:
        if not outcome.records:
            tell("stopped before any video was timed: nothing was written")
        raise typer.Exit(INTERRUPTED)


@contextmanager
def _clips(
    drawn: dict[str, str | None], video: Path | None, annotations: Path | None, sample: str | None
) -> Iterator[Sequence[FilmedClip]]:
    """The videos to time; what is drawn is removed at the end."""
    from epam_bench.commands.output import tell
    from epam_bench.pipeline import draw_clips, open_clip

    if video is not None:
        yield [open_clip(video, annotations, sample)]
        return
    persons = _counts("--persons", drawn["--persons"] or DEFAULT_PERSONS)
    frames = (
        _counts("--frames", drawn["--frames"])
        if drawn["--frames"]
        else [DRAWN_RATE * count for count in _counts("--seconds", drawn["--seconds"] or DEFAULT_SECONDS)]
    )
    size = _size(drawn["--size"] or DEFAULT_SIZE)
    with TemporaryDirectory(prefix="epam-bench-pipeline-") as folder:
        count = len(persons) * len(frames)
        tell(f"drawing {count} video{'s' if count != 1 else ''}")
        yield list(draw_clips(Path(folder), persons=persons, frame_counts=frames, size=size))


def _check_options(drawn: dict[str, str | None], own: dict[str, object], video: Path | None) -> None:
    """Refuse options that mean nothing together."""
    from epam.errors import InputError

    if drawn["--seconds"] and drawn["--frames"]:
        raise InputError("--seconds and --frames: both say how long the drawn videos are; give one of them")
    given, reason = (
        ([name for name, value in drawn.items() if value], "of drawn videos, and --video names one of yours")
        if video is not None
        else ([name for name, value in own.items() if value], "of a video of yours; name it with --video")
    )
    if given:
        raise InputError(f"{', '.join(given)}: only {reason}")


def _counts(option: str, text: str) -> list[int]:
    """``"1,2,4"`` → ``[1, 2, 4]``, each once."""
    from epam.errors import InputError

    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise InputError(f"{option} {text!r}: write numbers of at least 1, as 1,2,4")
    return list(dict.fromkeys(int(part) for part in parts))


def _size(text: str) -> tuple[int, int]:
    """``"640x360"`` → ``(640, 360)``, width and height."""
    from epam.errors import InputError

    width, _, height = text.replace("×", "x").partition("x")
    if not (width.strip().isdecimal() and height.strip().isdecimal()):
        raise InputError(f"--size {text!r}: write width × height, as {DEFAULT_SIZE}")
    return int(width), int(height)
