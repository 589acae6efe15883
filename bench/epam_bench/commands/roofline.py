"""`epam-bench roofline`: where a network's time goes, beside what this machine could do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from epam.errors import EpamError
from epam_bench.commands.options import (
    DEFAULT_RECORDS,
    INTERRUPTED,
    NOTHING_MEASURED,
    SOME_FAILED,
    Format,
    FormatOption,
    Inputs,
    OutputFile,
    PluginFolder,
    RecordsFile,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from epam_baselines import ModelSpec
    from epam_bench.records import Precision, RooflineRecord


def roofline(
    models: Annotated[
        list[str],
        typer.Argument(
            help="Names from `epam-bench models`, or package.module:factory for a model of your own.",
            show_default=False,
        ),
    ],
    backend: Annotated[
        str,
        typer.Option(help="What runs it: eager, fused, reference, openvino or onnxruntime; several as a,b."),
    ] = "eager",
    precision: Annotated[
        str, typer.Option(help="fp32, bf16, fp16 or int8, as far as the backend has it.")
    ] = "fp32",
    device: Annotated[str, typer.Option(help="cpu, cuda, or cuda:1 …")] = "cpu",
    threads: Annotated[
        int | None,
        typer.Option(help="CPU threads; by default one a physical core.", min=1, show_default=False),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Clips a call.", min=1, show_default="1, or that of --input"),
    ] = None,
    clip: Annotated[
        str | None,
        typer.Option(help="Another clip size, frames×height×width, e.g. 8x160x160.", show_default=False),
    ] = None,
    inputs: Inputs = None,
    passes: Annotated[int, typer.Option(help="Passes taken apart, and as many whole ones.", min=2)] = 10,
    rows: Annotated[int, typer.Option(help="Operations in the table; the rest are one row.", min=1)] = 20,
    plots: Annotated[
        Path | None,
        typer.Option(
            "--plots",
            help="Folder for the plots, SVG and PNG; by default that of the records.",
            show_default=False,
        ),
    ] = None,
    plugins: PluginFolder = None,
    records: RecordsFile = DEFAULT_RECORDS,
    output_format: FormatOption = Format.TABLE,
    output: OutputFile = None,
) -> None:
    """Take a forward pass apart: each operation's multiply-adds, bytes, time, and what bounds it.

    The peaks that it is held against are measured in the same run: arithmetic, memory, cache, and the
    cost of the smallest operation. The parts are timed in turns with whole passes, and sum to them. Each
    network is on record as soon as it is done; Ctrl-C leaves out the one that it stops.

    Example: epam-bench roofline epam_net --backend eager,fused --threads 2
    """
    from epam.devices import check_device
    from epam_bench.commands.latency import default_threads
    from epam_bench.commands.model_choice import choose_models
    from epam_bench.commands.output import check_outputs, check_place, emit, report_failures, tell
    from epam_bench.plan import parse_names
    from epam_bench.roofline.profilers import find_profiler
    from epam_reports.tables.roofline import roofline_table

    specs, given_batch_size = choose_models(models, clip, inputs, plugins)
    where = check_device(device)
    backends = parse_names("--backend", backend)
    check_precision(precision)
    for name in backends:
        check_backend_name(name)
        find_profiler(name, where.type)
    check_outputs(records, output)
    check_place((plots or records.parent) / "roofline.svg")
    size = batch_size or given_batch_size or 1
    measured, failures, interrupted = measure_all(
        specs,
        backends,
        precision=precision,  # type: ignore[arg-type]  # it was just checked
        device=device,
        threads=threads or default_threads(),
        batch_size=size,
        passes=passes,
        records=records,
    )
    if measured:
        emit(
            [roofline_table(measured, rows=rows)],
            output_format=output_format,
            output=output,
            records=measured,
        )
        tell(*(f"wrote {path}" for path in write_plots(measured, plots or records.parent)))
    report_failures(failures)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if failures:
        raise typer.Exit(SOME_FAILED if measured else NOTHING_MEASURED)


def check_precision(name: str) -> None:
    """Raise UnknownNameError for a precision that nobody knows."""
    from epam.backends.backend import DTYPES
    from epam.errors import UnknownNameError

    if name not in DTYPES:
        raise UnknownNameError("precision", name, DTYPES)


def check_backend_name(name: str) -> None:
    """Raise UnknownNameError for a backend that there is not."""
    from epam.backends.registry import find_backend

    find_backend(name)


def measure_all(
    specs: Sequence[ModelSpec],
    backends: Sequence[str],
    *,
    precision: Precision,
    device: str,
    threads: int,
    batch_size: int,
    passes: int,
    records: Path,
) -> tuple[list[RooflineRecord], dict[str, str], bool]:
    """Every network by every backend, each record written as it is made; failures; whether it was stopped."""
    from epam_bench.commands.output import progress
    from epam_bench.records import append_record
    from epam_bench.roofline import BuiltNetwork, count_steps, measure_roofline

    measured: list[RooflineRecord] = []
    failures: dict[str, str] = {}
    with progress("Taking apart", len(specs) * len(backends) * count_steps(passes)) as advance:
        for network, backend in (
            (network, backend)
            for network in (BuiltNetwork(spec, batch_size=batch_size, device=device) for spec in specs)
            for backend in backends
        ):
            try:
                record = measure_roofline(
                    network,
                    backend=backend,
                    precision=precision,
                    threads=threads,
                    passes=passes,
                    report=advance,
                )
            except KeyboardInterrupt:
                return measured, failures, True
            # A network or a backend that fails costs its own part only.
            except Exception as error:
                failures[f"{network.spec.name} by {backend}"] = _in_a_line(error)
                continue
            append_record(records, record)
            measured.append(record)
    return measured, failures, False


def _in_a_line(error: Exception) -> str:
    """Our own messages whole, of others the first line."""
    if isinstance(error, EpamError):
        return str(error)
    return str(error).strip().partition("\n")[0] or type(error).__name__


def write_plots(measured: Iterable[RooflineRecord], folder: Path) -> list[Path]:
    """One plot a record, as SVG and as PNG."""
    from epam.atomic_file import write_atomically
    from epam_reports.figures import render
    from epam_reports.roofline_figure import roofline_figure

    written = []
    for record in measured:
        drawing = roofline_figure(record)
        written.append(write_atomically(folder / f"{drawing.name}.svg", render(drawing, "svg")))
        written.append(write_atomically(folder / f"{drawing.name}.png", render(drawing, "png")))
    return written
