"""`epam-bench models`: the catalogue as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from epam_bench.commands.options import Format, FormatOption, OutputFile, PluginFolder

if TYPE_CHECKING:
    from epam_baselines import ModelSpec
    from epam_reports.table import Table

# Frame column → its type and header.
_COLUMNS = {
    "model": ("string", "Name"),
    "title": ("string", "Model"),
    "paper": ("string", "Paper"),
    "modalities": ("string", "Sees"),
    "inputs": ("string", "Input"),
    "clips": ("Int64", "Clips"),
    "crops": ("Int64", "Crops"),
    "frame_interval": ("Int64", "Frame interval"),
    "num_classes": ("Int64", "Classes"),
}


def models(
    plugins: PluginFolder = None, output_format: FormatOption = Format.TABLE, output: OutputFile = None
) -> None:
    """List every model: its paper, inputs, views and classes.

    Views are the clips × crops behind a model's published accuracy; costs are printed for one
    view unless said otherwise.

    Example: epam-bench models --format csv -o models.csv
    """
    from epam_bench.commands.model_choice import choose_models
    from epam_bench.commands.output import emit

    specs, _ = choose_models(None, None, None, plugins)
    emit([_catalogue_table(specs)], output_format=output_format, output=output)


def _catalogue_table(specs: Sequence[ModelSpec]) -> Table:
    """One row a model, in the catalogue's order."""
    from epam_reports.table import Column, Table, typed_frame

    rows = [_row(spec) for spec in specs]
    return Table(
        name="models",
        title="Models",
        caption=(
            "Inputs: frames and heatmaps as C×T×H×W, skeletons as persons×T×joints×coordinates. "
            "Clips × crops: views behind the published accuracy. Frame interval: frames of the video from "
            "one of a clip's to the next, where a clip is not spread over the whole video. Classes: of the "
            "published checkpoint."
        ),
        frame=typed_frame(rows, {key: dtype for key, (dtype, _) in _COLUMNS.items()}),
        columns=tuple(Column(key=key, header=header, absent="–") for key, (_, header) in _COLUMNS.items()),
    )


def _row(spec: ModelSpec) -> dict[str, object]:
    return {
        "model": spec.name,
        "title": spec.title,
        "paper": spec.paper,
        "modalities": " + ".join(spec.modalities),
        "inputs": " + ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in spec.inputs.items()),
        "clips": spec.clips,
        "crops": spec.crops,
        "frame_interval": spec.frame_interval,
        "num_classes": spec.num_classes,
    }
