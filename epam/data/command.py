"""The ``epam-data`` command: data to try things on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from epam.command_line import run_command

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="markdown")


@app.callback()
def epam_data() -> None:
    """Data for EPAM-Net: make a small data set to try things on."""


@app.command()
def synth(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write.")],
    classes: Annotated[int, typer.Option(help="How many actions.")] = 3,
    samples_per_class: Annotated[int, typer.Option(help="Videos of each action.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same data.")] = 0,
) -> None:
    """Write drawn people in the real formats: videos, 224×224 crops and keypoints.

    Example: `epam-data synth -o data/synthetic --samples-per-class 4`
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from epam.data.synthetic import write_dataset

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("drawing", total=classes * samples_per_class)
        written = write_dataset(
            output,
            classes=classes,
            samples_per_class=samples_per_class,
            seed=seed,
            on_sample=lambda name: progress.update(task, advance=1, description=name),
        )
    video = written.crops / f"{written.samples[0]}_rgb.mp4"
    typer.echo(f"{len(written.samples)} samples of {classes} actions in {output}:")
    typer.echo(f"  {written.annotations}  (all)")
    for split, path in written.lists.items():
        typer.echo(f"  {path}  ({split})")
    typer.echo(f"  {written.crops}  (224×224 crops)")
    typer.echo(f"  {written.videos}  (full size)")
    typer.echo("Next, classify one of them:")
    typer.echo(f"  python inference/test_multimodal.py --video {video} --annotations {written.annotations}")


def main() -> None:
    """Run the command."""
    run_command("epam-data", app)
