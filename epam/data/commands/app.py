"""The ``epam-data`` command: its subcommands by name, and errors in one line."""

from __future__ import annotations

import typer

from epam.command_line import run_command
from epam.data.commands.check import check
from epam.data.commands.prepare import prepare
from epam.data.commands.synth import synth

app = typer.Typer(
    name="epam-data",
    help=(
        "Prepare and check the data that EPAM-Net is trained and evaluated on, or draw some.\n\n"
        "Start with: epam-data synth -o data/embedded"
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (prepare, check, synth):
    app.command()(command)


def main() -> None:
    """Run the command."""
    run_command("epam-data", app)
