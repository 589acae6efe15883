"""The models that a command line asks for: the catalogue's, plug-ins', or the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from epam_baselines import ModelSpec


def choose_models(
    models: Sequence[str] | None, clip: str | None, inputs: Sequence[str] | None, plugins: Path | None
) -> tuple[list[ModelSpec], int | None]:
    """Specs that are asked for, and the batch size that their inputs were given with, if they were.

    A plug-in that brings nothing is named on standard error.

    Raises:
        epam.errors.EpamError: what cannot be found, read, made or used.
    """
    from epam_baselines.given_inputs import common_batch_size
    from epam_bench.commands.output import report_failures
    from epam_bench.plan import parse_inputs, plan_models, plan_plugins

    shapes = parse_inputs(inputs)
    found = plan_plugins(plugins)
    specs = plan_models(models, clip, shapes, found.specs)
    report_failures(found.problems)
    return specs, common_batch_size(shapes) if shapes else None
