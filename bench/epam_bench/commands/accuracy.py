"""`epam-bench accuracy`: a network on a split, every sample once; or two runs compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from epam.data.commands.location_options import (
    AnnotationsOption,
    ClassNamesOption,
    NumClassesOption,
    RootOption,
    SplitOption,
    VideosOption,
    location_from_options,
)
from epam_bench.commands.options import (
    DEFAULT_RECORDS,
    INTERRUPTED,
    NOTHING_MEASURED,
    SOME_FAILED,
    Format,
    FormatOption,
    OutputFile,
    RecordsFile,
)

if TYPE_CHECKING:
    from epam.data.clip_dataset import SkippedSample
    from epam.training.distributed import Processes
    from epam_bench.accuracy import AccuracyPlan
    from epam_bench.records import AccuracyRecord

PICTURES: Mapping[str, Literal["png", "svg"]] = {".png": "png", ".svg": "svg"}

NAMED_SAMPLES = 10
"""So many skipped samples are told one by one; the record names them all."""


def accuracy(
    model: Annotated[
        str | None,
        typer.Argument(
            help="A name from `epam-bench models`, or package.module:factory; by default what the "
            "checkpoint was trained as.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            "-d",
            help="ntu60, ntu120, pku_mmd, toyota_smarthome, embedded or custom; by default what the "
            "checkpoint was trained on.",
            show_default=False,
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            "-p",
            help="xsub, xview, xset, cs, cv1 or cv2; of a custom data set the prefix of its splits.",
            show_default=False,
        ),
    ] = None,
    root: RootOption = None,
    annotations: AnnotationsOption = None,
    videos: VideosOption = None,
    split: SplitOption = None,
    num_classes: NumClassesOption = None,
    class_names: ClassNamesOption = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option("--checkpoint", "-c", help="The weights; without them random ones.", show_default=False),
    ] = None,
    named_model: Annotated[
        str | None, typer.Option("--model", help="MODEL, said as an option.", show_default=False)
    ] = None,
    views: Annotated[int, typer.Option(help="Clips of each video; their logits are averaged.", min=1)] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda, or cuda:1 …")] = "cpu",
    backend: Annotated[
        str,
        typer.Option(
            help="What runs the network: eager, as it was trained; fused, openvino … (epam-bench latency "
            "times them)."
        ),
    ] = "eager",
    precision: Annotated[
        str,
        typer.Option(
            help="fp32; bf16 or fp16, in eager what autocast computes in; int8 with --backend openvino."
        ),
    ] = "fp32",
    calibration: Annotated[
        int, typer.Option(help="Clips of the training part that int8 is calibrated with.", min=1)
    ] = 64,
    batch_size: Annotated[int, typer.Option(help="Clips a forward pass.", min=1)] = 8,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes that prepare clips.",
            min=0,
            show_default="1 if there are videos; beside a GPU more",
        ),
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Exit with 0 although samples were skipped.")
    ] = False,
    save: Annotated[
        Path | None,
        typer.Option(
            help="Write every sample's logits to this .npz file, for --compare.", show_default=False
        ),
    ] = None,
    confusion: Annotated[
        Path | None,
        typer.Option(
            help="Draw what each class was taken for into this file, .png or .svg.", show_default=False
        ),
    ] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="A.npz B.npz",
            help="Evaluate nothing: compare two files of --save by McNemar's test. "
            "A.npz:pose takes another stream than the first.",
            show_default=False,
        ),
    ] = None,
    records: RecordsFile = DEFAULT_RECORDS,
    output_format: FormatOption = Format.TABLE,
    output: OutputFile = None,
) -> None:
    """Evaluate a network on a data set's test samples, each once, by the published protocol.

    Prints top-1, top-5 and mean class accuracy of each stream and of their fusion, with 95 %
    intervals, and each class. Exit status 1: samples had to be skipped; they are named.

    Example: epam-bench accuracy --checkpoint run/best.safetensors --root synth --save scores.npz

    What int8 costs: the same with --backend openvino --precision int8 --save int8.npz, then
    epam-bench accuracy --compare scores.npz int8.npz

    Several GPUs: torchrun --no-python --nproc-per-node 4 epam-bench accuracy --device cuda …
    """
    from epam.training.distributed import join_processes
    from epam_bench.accuracy import measure_accuracy, plan_accuracy
    from epam_bench.commands.output import check_outputs, check_place, tell
    from epam_bench.records import append_record

    if compare is not None:
        compare_runs(*compare, output_format=output_format, output=output)
        return
    with join_processes(device) as processes:
        with processes.same_fate():
            _check_files(checkpoint, save, confusion)
            data = _choose_data(dataset, protocol, checkpoint)
            plan = plan_accuracy(
                _choose_model(model, named_model),
                location_from_options(
                    dataset=data[0],
                    protocol=data[1],
                    root=root,
                    annotations=annotations,
                    videos=videos,
                    split=split,
                    num_classes=num_classes,
                    class_names=class_names,
                ),
                checkpoint=checkpoint,
                device=str(processes.device),
                precision=precision,
                batch_size=batch_size,
                workers=workers,
                views=views,
                backend=backend,
                calibration=calibration,
            )
            check_place(save)
            check_place(confusion)
            check_outputs(records, output)
        with _progress(plan, processes) as advance:
            record, scores = measure_accuracy(plan, processes=processes, advance=advance)
    if not processes.is_first:
        return
    if record is not None:
        append_record(records, record)
        if save is not None:
            tell(f"wrote {scores.table.save(save)}")
        show_accuracy(record, output_format=output_format, output=output)
        if confusion is not None:
            _draw_confusion(confusion, record)
    _tell_skipped(scores.skipped, plan.split_samples)
    if scores.interrupted:
        raise typer.Exit(INTERRUPTED)
    if record is None:
        raise typer.Exit(NOTHING_MEASURED)
    if scores.skipped and not allow_missing:
        raise typer.Exit(SOME_FAILED)


def show_accuracy(record: AccuracyRecord, *, output_format: Format, output: Path | None) -> None:
    """Print an evaluation's tables: its streams, and its classes."""
    from epam_bench.commands.accuracy_tables import streams_table
    from epam_bench.commands.output import emit
    from epam_reports.tables import classes_table

    # One CSV holds one table.
    others = [] if output_format is Format.CSV else [classes_table([record])]
    emit([streams_table(record), *others], output_format=output_format, output=output, records=[record])


def compare_runs(run_a: str, run_b: str, *, output_format: Format, output: Path | None) -> None:
    """Print two files of scores side by side, with McNemar's test."""
    from epam_bench.commands.accuracy_tables import runs_table
    from epam_bench.commands.output import check_place, emit
    from epam_bench.comparison import compare_files
    from epam_reports.tables import RunComparison, comparison_table

    check_place(output)
    comparison = compare_files(run_a, run_b)
    test = comparison.test
    table = comparison_table(
        [
            RunComparison(
                name_a=comparison.run_a.title,
                name_b=comparison.run_b.title,
                only_a=test.only_a,
                only_b=test.only_b,
                both=test.both,
                neither=test.neither,
                p_value=test.p_value,
            )
        ]
    )
    # One CSV holds one table.
    others = [] if output_format is Format.CSV else [runs_table(comparison)]
    emit([*others, table], output_format=output_format, output=output)


def _choose_model(model: str | None, named_model: str | None) -> str | None:
    from epam.errors import InputError

    if model is not None and named_model not in (None, model):
        raise InputError(f"MODEL {model!r} and --model {named_model!r}: give one of them")
    return model or named_model


def _choose_data(dataset: str | None, protocol: str | None, checkpoint: Path | None) -> tuple[str, str]:
    """Data set and protocol: as said, or else those that the checkpoint was trained on."""
    from epam.errors import InputError
    from epam.training.trained_model import read_trained_model

    if dataset and protocol:
        return dataset, protocol
    manifest = read_trained_model(checkpoint) if checkpoint else None
    if manifest is None or dataset not in (None, manifest.dataset):
        raise InputError(
            "which data: give --dataset and --protocol (only a checkpoint of epam-train tells its own)"
        )
    return manifest.dataset, protocol or manifest.protocol


def _check_files(checkpoint: Path | None, save: Path | None, confusion: Path | None) -> None:
    from epam.errors import InputError

    if checkpoint is not None and not checkpoint.exists():
        raise InputError(f"{checkpoint}: no such checkpoint")
    if save is not None and save.suffix != ".npz":
        raise InputError(f"--save {save}: scores are written as .npz; choose such a name")
    if confusion is not None and confusion.suffix not in PICTURES:
        raise InputError(f"--confusion {confusion}: is drawn as {' or '.join(PICTURES)}; choose such a name")


def _draw_confusion(path: Path, record: AccuracyRecord) -> None:
    from epam.atomic_file import write_atomically
    from epam_bench.commands.output import tell
    from epam_reports.confusion import confusion_figure
    from epam_reports.figures import render

    write_atomically(path, render(confusion_figure(record), PICTURES[path.suffix]))
    tell(f"wrote {path}")


@contextmanager
def _progress(plan: AccuracyPlan, processes: Processes) -> Iterator[Callable[[int], None]]:
    """Show the first process's progress, which stands for all."""
    from epam_bench.commands.output import progress

    if not processes.is_first:
        yield lambda _: None
        return
    with progress("Evaluating", -(-len(plan.split) // processes.world_size)) as step:

        def advance(samples: int) -> None:
            for _ in range(samples):
                step(plan.choice.spec.name)

        yield advance


def _tell_skipped(skipped: Sequence[SkippedSample], split_samples: int) -> None:
    """Say on standard error what could not be evaluated, and why."""
    from epam_bench.commands.output import tell

    if not skipped:
        return
    tell(f"skipped {len(skipped)} of {split_samples} samples:")
    tell(*(f"  {skip.reason}: {skip.message}" for skip in skipped[:NAMED_SAMPLES]))
    if len(skipped) > NAMED_SAMPLES:
        tell(f"  and {len(skipped) - NAMED_SAMPLES} more; the record names them all")
