"""The ``epam-export`` command: a network as a file for programs that have no PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from epam.command_line import run_command
from epam.data.commands.location_options import (
    AnnotationsOption,
    ClassNamesOption,
    NumClassesOption,
    RootOption,
    VideosOption,
    location_from_options,
)
from epam.data.commands.options import stop_told

if TYPE_CHECKING:
    from epam.backends.exported_network import Export
    from epam.data.data_root import DataLocation

app = typer.Typer(
    name="epam-export",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(no_args_is_help=True)
def export(
    to: Annotated[str, typer.Option("--to", help="onnx, openvino or torchexport.", show_default=False)],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="NAME.onnx, NAME.xml (NAME.bin is written beside it) or NAME.pt2.",
            show_default=False,
        ),
    ],
    model: Annotated[
        str | None,
        typer.Argument(
            help="A name from `epam-bench models`, or package.module:factory; by default what the "
            "checkpoint was trained as.",
            show_default=False,
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option("--checkpoint", "-c", help="The weights; without them random ones.", show_default=False),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(
            help="fp32; fp16; bf16 (torchexport); or int8 (onnx, openvino), which needs clips to be "
            "calibrated with.",
        ),
    ] = "fp32",
    clip: Annotated[
        str | None,
        typer.Option(help="Another clip size, frames×height×width, e.g. 8x160x160.", show_default=False),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Clips a call; the file takes no other number.", min=1)] = 1,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            "-d",
            help="Whose classes the network tells apart; by default what the checkpoint was trained on.",
            show_default=False,
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option("--protocol", "-p", help="xsub, xview, xset, cs, cv1 or cv2.", show_default=False),
    ] = None,
    root: RootOption = None,
    annotations: AnnotationsOption = None,
    videos: VideosOption = None,
    num_classes: NumClassesOption = None,
    class_names: ClassNamesOption = None,
    calibration: Annotated[
        int, typer.Option(help="Clips of the training part that int8 is calibrated with.", min=1)
    ] = 64,
) -> None:
    """Write a network as a file, with a card that says what goes in, what comes out, and how to run it.

    The file is tried before it is put in its place: in a process that cannot import PyTorch (for
    torchexport: nothing of ours), its logits must be those of the network in float64, to within what
    the precision allows. If they are not, nothing is written.

    Beside FILE there will be FILE.md, a model card with ten lines that run it, and FILE.json, the same
    for programs.

    Example: epam-export --checkpoint runs/both/best.safetensors --to onnx -o epam_net.onnx

    In int8: epam-export -c runs/both/best.safetensors --to openvino --precision int8 --root data/embedded
    -o epam_net.xml
    """
    from epam_baselines.export_run import carry_out, plan_export

    plan = plan_export(
        model,
        to=to,
        path=output,
        checkpoint=checkpoint,
        clip=clip,
        precision=precision,
        batch_size=batch_size,
        location=_location(
            checkpoint, dataset, protocol, root, annotations, videos, num_classes, class_names
        ),
        calibration_clips=calibration,
    )
    with stop_told(f"{output} was not finished"):
        written = carry_out(plan)
    _tell(written)


def _location(
    checkpoint: Path | None,
    dataset: str | None,
    protocol: str | None,
    root: Path | None,
    annotations: list[Path] | None,
    videos: Path | None,
    num_classes: int | None,
    class_names: Path | None,
) -> DataLocation | None:
    """Where the data are, as far as anything was said of them; the checkpoint tells what they are."""
    from epam.errors import InputError
    from epam.training.trained_model import read_trained_model

    places = (dataset, protocol, root, annotations, videos, num_classes, class_names)
    if not any(places):
        return None
    manifest = read_trained_model(checkpoint) if checkpoint and checkpoint.exists() else None
    if manifest is not None and dataset in (None, manifest.dataset):
        dataset, protocol = manifest.dataset, protocol or manifest.protocol
    if not (dataset and protocol):
        raise InputError("which data: give --dataset and --protocol (a checkpoint of epam-train tells them)")
    return location_from_options(
        dataset=dataset,
        protocol=protocol,
        root=root,
        annotations=annotations,
        videos=videos,
        num_classes=num_classes,
        class_names=class_names,
    )


def _tell(export: Export) -> None:
    found = export.card.equality
    for caveat in export.card.caveats:
        typer.echo(f"note: {caveat}", err=True)
    typer.echo(
        f"tried on {found.clips} clips without {', '.join(found.without)}: within "
        f"{found.relative_error:.1e} of {found.reference} (bound {found.bound:g}), best class the same for "
        f"{found.top1_agreement:.0%}",
        err=True,
    )
    for path in export.paths:
        typer.echo(f"wrote {path}", err=True)


def main() -> None:
    """Run the command."""
    run_command("epam-export", app)


if __name__ == "__main__":
    main()
