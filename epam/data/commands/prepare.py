"""`epam-data prepare`: published annotations and videos made into the folder that training reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from epam.data.commands.options import (
    INTERRUPTED,
    SOMETHING_WRONG,
    DatasetArgument,
    WorkersOption,
    choose_workers,
    print_problems,
)
from epam.data.commands.progress import show_progress

if TYPE_CHECKING:
    from epam.data.datasets import Dataset
    from epam.data.preparation.prepare import Preparation
    from epam.data.preparation.shards import Shard
    from epam.data.store import SkeletonStore


def prepare(
    dataset: DatasetArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write.")],
    annotations: Annotated[
        list[Path] | None,
        typer.Option(
            "--annotations",
            "-a",
            metavar="FILE",
            help="Keypoints: a pickle with splits, or lists of one part each (give it repeatedly).",
            show_default=False,
        ),
    ] = None,
    videos: Annotated[
        Path | None,
        typer.Option(
            "--videos",
            metavar="DIR",
            help="Whole videos, to be cropped; without them the folder is fit for pose alone.",
            show_default=False,
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="DIR",
            help="pku_mmd: the label files; the long --videos are cut into DIR/videos first.",
            show_default=False,
        ),
    ] = None,
    split_files: Annotated[
        Path | None,
        typer.Option(
            "--split-files",
            metavar="DIR",
            help="pku_mmd: folder of cross-subject.txt and cross-view.txt, for annotations without splits.",
            show_default=False,
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            "-p",
            help="Of lists whose file names say train or test, but not which protocol.",
            show_default=False,
        ),
    ] = None,
    workers: WorkersOption = None,
    shard: Annotated[
        str, typer.Option("--shard", metavar="I/N", help="The I-th of N shares, for a cluster's array job.")
    ] = "1/1",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a store that was made from other files.")
    ] = False,
) -> None:
    """Pack keypoints into a store, and crop videos to 224×224 around the people in them.

    Stopped or begun again, it goes on where it was: what is finished is kept. Exits with 3 if
    some samples could not be prepared, 130 on Ctrl-C.

    Example: epam-data prepare ntu60 -a ntu60_2d.pkl --videos nturgb+d_rgb -o data/ntu60
    """
    from epam.data.datasets import get_dataset
    from epam.data.preparation.shards import Shard
    from epam.errors import InputError

    chosen, share = get_dataset(dataset), Shard.parse(shard)
    if labels is not None and chosen.name != "pku_mmd":
        raise InputError(f"--labels: only pku_mmd is cut from long videos, not {dataset}; leave it out")
    if labels is not None and videos is None:
        raise InputError("--labels: the long videos are needed too; give their folder with --videos")
    if labels is None and not annotations:
        raise InputError("no annotation file; give one with --annotations")
    processes, problems = choose_workers(workers), 0
    store = None
    if annotations:
        # First, because it is quick: a mistake in it shows before hours of cutting.
        store = _pack(chosen, annotations, output, protocol, split_files, overwrite=overwrite)
        problems += len(store.problems)
    if labels is not None and videos is not None:
        problems += _cut(labels, videos, output / "videos", share, processes)
        videos = output / "videos"
    if store is not None and videos is not None:
        problems += _crop(chosen, store, videos, output, share, processes)
    elif store is not None:
        typer.echo(f"{output}: without --videos no crops were made; fit for pose alone")
    if problems:
        raise typer.Exit(SOMETHING_WRONG)


def _pack(
    dataset: Dataset,
    annotations: list[Path],
    output: Path,
    protocol: str | None,
    split_files: Path | None,
    *,
    overwrite: bool,
) -> SkeletonStore:
    from epam.data.preparation.prepare import prepare_store

    store = prepare_store(
        dataset, annotations, output, protocol=protocol, split_files=split_files, overwrite=overwrite
    )
    splits = ", ".join(f"{name} {len(samples):,}" for name, samples in store.splits.items()) or "no splits"
    typer.echo(f"{store.folder}: {len(store):,} samples ({splits}), {len(store.problems):,} unusable")
    print_problems([problem.message for problem in store.problems])
    return store


def _cut(labels: Path, videos: Path, clips: Path, shard: Shard, workers: int) -> int:
    from epam.data.preparation.cutting import list_long_videos
    from epam.data.preparation.prepare import cut_long_videos

    total = sum(shard.takes(name) for name in list_long_videos(labels))
    with show_progress("cutting", total) as advance:
        done = cut_long_videos(labels, videos, clips, shard=shard, workers=workers, advance=advance)
    typer.echo(f"{clips}: {done.made:,} of {total:,} long videos are cut whole")
    return _finish(done)


def _crop(
    dataset: Dataset, store: SkeletonStore, videos: Path, output: Path, shard: Shard, workers: int
) -> int:
    from epam.data.preparation.prepare import crop_videos, samples_of_shard

    total = len(samples_of_shard(dataset, store, shard))
    with show_progress("cropping", total) as advance:
        done = crop_videos(dataset, store, videos, output, shard=shard, workers=workers, advance=advance)
    failed = len(done.problems)
    typer.echo(f"{output}: {done.made:,} crops made, {done.kept:,} were there, {failed:,} could not be made")
    problems = _finish(done)
    typer.echo(f"Next: epam-data check {dataset.name} --root {output}")
    return problems


def _finish(done: Preparation) -> int:
    """Print what went wrong; a stop by the user ends the command."""
    print_problems([problem.message for problem in done.problems])
    if done.interrupted:
        typer.echo("stopped; the same command goes on from here", err=True)
        raise typer.Exit(INTERRUPTED)
    return len(done.problems)
