"""The ``epam-train`` command: a recipe, data, and a folder in which a network is trained."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from epam.command_line import USER_ERROR, run_command
from epam.data.commands.location_options import (
    AnnotationsOption,
    ClassNamesOption,
    DatasetOption,
    NumClassesOption,
    ProtocolOption,
    RootOption,
    VideosOption,
    location_from_options,
)
from epam.errors import EpamError
from epam.training.thread_waiting import spin_briefly

if TYPE_CHECKING:
    from epam.training.distributed import Processes
    from epam.training.trainer import TrainingOutcome

DIVERGED = 3
"""Exit status of a run whose loss, gradient or weights are not finite."""

app = typer.Typer(
    name="epam-train",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_recipes(wanted: bool) -> None:
    if wanted:
        from epam.training.recipe import list_recipes, load_recipe

        for name in list_recipes():
            typer.echo(f"{name:16} {load_recipe(name).title}")
        raise typer.Exit


@app.command(no_args_is_help=True)
def train(
    recipe: Annotated[
        str,
        typer.Argument(
            help="A recipe's name, or a TOML file like those in epam/recipes.", show_default=False
        ),
    ],
    dataset: DatasetOption,
    protocol: ProtocolOption,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="RUN", help="Folder of the run.", show_default=False),
    ],
    root: RootOption = None,
    annotations: AnnotationsOption = None,
    videos: VideosOption = None,
    num_classes: NumClassesOption = None,
    class_names: ClassNamesOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Train another model: a name from `epam-bench models`, or package.module:factory.",
            show_default=False,
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="SECTION.FIELD=VALUE",
            help="Change the recipe, for example optimizer.learning_rate=0.01 (give it repeatedly).",
            show_default=False,
        ),
    ] = None,
    pose_from: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights that the pose stream starts from.", show_default=False),
    ] = None,
    rgb_from: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights that the RGB stream starts from.", show_default=False),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or cuda:1 …")] = "cpu",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in RUN, at its newest state.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Remove the run in RUN and begin again.")
    ] = False,
    list_recipes: Annotated[
        bool,
        typer.Option(
            "--list-recipes", help="Name the recipes and leave.", callback=_print_recipes, is_eager=True
        ),
    ] = False,
) -> None:
    """Train a network by a recipe: multimodal, pose or rgb.

    On two CPU cores, in minutes: tiny_multimodal, tiny_pose or tiny_rgb.

    RUN gets last and best weights (.safetensors) with their manifests (.json), log.jsonl, a learning
    curve, and states to go on from. Ctrl-C and SIGTERM save and leave; the same command with
    --resume goes on, on one device to the same weights bit by bit.

    Example, on data that this project draws:

      epam-data synth -o data/embedded

      epam-train tiny_pose --dataset embedded --protocol xsub --root data/embedded -o runs/pose

    Both streams: train tiny_pose and tiny_rgb, then tiny_multimodal with
    --pose-from runs/pose/last.safetensors --rgb-from runs/rgb/last.safetensors

    Several GPUs or machines: torchrun --no-python --nproc-per-node 4 epam-train … --device cuda

    Exit status: 0 done, 2 something to mend, 3 diverged, 130 or 143 stopped by a signal and saved.
    """
    from epam.training.stop_signals import Stopped, StopSignals

    try:
        with StopSignals() as stop:
            from epam.training.distributed import join_processes
            from epam.training.recipe import load_recipe, with_changes
            from epam_baselines.training_run import RunRequest, carry_out, plan_run, with_model

            with join_processes(device) as processes:
                with processes.same_fate():
                    request = RunRequest(
                        recipe=with_changes(with_model(load_recipe(recipe), model), changes or []),
                        location=location_from_options(
                            dataset=dataset,
                            protocol=protocol,
                            root=root,
                            annotations=annotations,
                            videos=videos,
                            num_classes=num_classes,
                            class_names=class_names,
                        ),
                        run=output,
                        pose_from=pose_from,
                        rgb_from=rgb_from,
                        resume=resume,
                        overwrite=overwrite,
                    )
                    plan = plan_run(request, processes)
                with stop.deferred(), _told_once(processes):
                    outcome = carry_out(plan, processes, asked_to_stop=lambda: stop.requested, say=_say)
                if processes.is_first:
                    _say(_summary(outcome, output))
                if not outcome.finished:
                    # Another process may be the one that got the signal.
                    raise Stopped(stop.number or signal.SIGTERM)
    except Stopped as stopped:
        raise typer.Exit(stopped.exit_status) from None


@contextmanager
def _told_once(processes: Processes) -> Iterator[None]:
    """What ends training ends it in all processes alike; the first one tells it."""
    from epam.training.gradient_steps import TrainingDiverged

    try:
        yield
    except EpamError as error:
        diverged = isinstance(error, TrainingDiverged)
        if processes.is_first and not diverged:
            raise
        if processes.is_first:
            _say(f"epam-train: {error}")
        raise typer.Exit(DIVERGED if diverged else USER_ERROR) from None


def _summary(outcome: TrainingOutcome, run: Path) -> str:
    skipped = (
        f"; {len(outcome.skipped)} samples could not be used, log.jsonl names them" if outcome.skipped else ""
    )
    if not outcome.finished:
        return f"stopped after step {outcome.step}, all saved{skipped}; go on with --resume"
    if outcome.best is None:
        return f"done: {outcome.step} steps{skipped}"
    best = outcome.best
    return (
        f"done: {outcome.step} steps{skipped}; best {best.metric} {100 * best.value:.1f} % after epoch "
        f"{best.epoch}\nNext: epam-bench accuracy --checkpoint {run / 'best.safetensors'} --root …"
    )


def _say(sentence: str) -> None:
    typer.echo(sentence, err=True)


def main() -> None:
    """Run the command."""
    spin_briefly()
    run_command("epam-train", app)


if __name__ == "__main__":
    main()
