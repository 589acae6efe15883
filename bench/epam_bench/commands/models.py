"""`epam-bench models`: the catalogue as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epam_bench.commands.options import Format, FormatOption, OutputFile

if TYPE_CHECKING:
    from epam_baselines import ModelSpec
    from epam_reports.table import Table

# Frame column → its type and header.
_COLUMNS = {
    "model": ("string", "Name"),
    "title": ("string", "Model"),
    "paper": ("string", "Paper"),
    "modalities": ("string", "Sees"),
    "inputs": ("string", "Input (C×T×H×W)"),
    "clips": ("Int64", "Clips"),
    "crops": ("Int64", "Crops"),
    "num_classes": ("Int64", "Classes"),
}


def models(output_format: FormatOption = Format.TABLE, output: OutputFile = None) -> None:
    """List every model: its paper, inputs, views and classes.

    Views are the clips × crops behind a model's published accuracy; costs are printed for one
    view unless said otherwise.

    Example: epam-bench models --format csv -o models.csv
    """
    from epam_bench.commands.output import emit

    emit([_catalogue_table()], output_format=output_format, output=output)


def _catalogue_table() -> Table:
    """One row a model, in the catalogue's order."""
    from epam_baselines import list_models, model_spec
    from epam_reports.table import Column, Table, typed_frame

    rows = [_row(model_spec(name)) for name in list_models()]
    return Table(
        name="models",
        title="Models",
        caption="Clips × crops: views behind the published accuracy. Classes: of the published checkpoint.",
        frame=typed_frame(rows, {key: dtype for key, (dtype, _) in _COLUMNS.items()}),
        columns=tuple(Column(key=key, header=header) for key, (_, header) in _COLUMNS.items()),
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
        "num_classes": spec.num_classes,
    }
