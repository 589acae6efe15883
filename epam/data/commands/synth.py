"""`epam-data synth`: the embedded data set, drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from epam.data.commands.options import WorkersOption, choose_workers, stop_told
from epam.data.commands.progress import show_progress

NUM_ACTIONS = 12


def synth(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write.")],
    samples_per_class: Annotated[
        int, typer.Option("--samples-per-class", "-n", min=1, help="Videos of each action.")
    ] = 48,
    classes: Annotated[
        int, typer.Option("--classes", min=1, max=NUM_ACTIONS, help="How many of the actions.")
    ] = NUM_ACTIONS,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same data.")] = 0,
    full_size: Annotated[
        bool, typer.Option("--full-size", help="Write the whole frames too, to DIR/videos.")
    ] = False,
    workers: WorkersOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a data set that was drawn with other options.")
    ] = False,
) -> None:
    """Draw people at twelve actions in the real formats: 224×224 crops, keypoints, splits, store.

    Four actions are told apart by movement, four by the thing in the hand, four by the order of
    time. Begun again with the same options, it goes on where it was stopped.

    Example: epam-data synth -o data/embedded
    """
    from epam.data.synthetic.dataset import write_dataset

    with (
        stop_told("the same command goes on from here"),
        show_progress("drawing", classes * samples_per_class) as advance,
    ):
        written = write_dataset(
            output,
            actions=range(classes),
            samples_per_class=samples_per_class,
            seed=seed,
            full_size=full_size,
            workers=choose_workers(workers),
            overwrite=overwrite,
            on_sample=advance,
        )
    typer.echo(f"{output}: {len(written.samples)} samples of {classes} actions")
    typer.echo(f"  {written.crops}  (224×224 crops)")
    if written.videos is not None:
        typer.echo(f"  {written.videos}  (whole frames)")
    typer.echo(f"  {written.annotations}  (keypoints and splits, as published files have them)")
    typer.echo(f"Next: epam-data check embedded --root {output}")
