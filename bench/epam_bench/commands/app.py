"""The `epam-bench` command: its subcommands by name, and errors in one line."""

from __future__ import annotations

import typer

from epam.command_line import run_command
from epam_bench.commands.ablation import ablation
from epam_bench.commands.accuracy import accuracy
from epam_bench.commands.calibrate import calibrate
from epam_bench.commands.claims import claims
from epam_bench.commands.compare import compare
from epam_bench.commands.conformance import conformance
from epam_bench.commands.doctor import doctor
from epam_bench.commands.explain import explain
from epam_bench.commands.flops import flops
from epam_bench.commands.latency import latency
from epam_bench.commands.models import models
from epam_bench.commands.pipeline import pipeline
from epam_bench.commands.reproduce import reproduce
from epam_bench.commands.roofline import roofline
from epam_bench.commands.tables import tables

app = typer.Typer(
    name="epam-bench",
    help=(
        "Count, time, evaluate and compare EPAM-Net and its baselines; judge what was claimed of them.\n\n"
        "Start with: epam-bench reproduce --quick"
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    models,
    flops,
    conformance,
    latency,
    compare,
    doctor,
    calibrate,
    roofline,
    pipeline,
    accuracy,
    ablation,
    tables,
    explain,
    claims,
    reproduce,
):
    app.command()(command)


def main() -> None:
    """Run the command."""
    run_command("epam-bench", app)


if __name__ == "__main__":
    main()
