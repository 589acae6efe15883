"""The catalogue as a table."""

from __future__ import annotations

from epam_baselines import ModelSpec, list_models, model_spec
from epam_reports.table import Column, Table, typed_frame


def catalogue_table() -> Table:
    """One row a model, in the catalogue's order."""
    dtypes = {
        "model": "string",
        "title": "string",
        "paper": "string",
        "modalities": "string",
        "inputs": "string",
        "clips": "Int64",
        "crops": "Int64",
        "num_classes": "Int64",
    }
    headers = ("Name", "Model", "Paper", "Sees", "Input (C×T×H×W)", "Clips", "Crops", "Classes")
    return Table(
        name="models",
        title="Models",
        caption="Clips × crops: views behind the published accuracy. Classes: of the published checkpoint.",
        frame=typed_frame([_row(model_spec(name)) for name in list_models()], dtypes),
        columns=tuple(Column(key=key, header=header) for key, header in zip(dtypes, headers, strict=True)),
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
