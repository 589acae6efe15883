from __future__ import annotations

from epam_baselines import list_models
from epam_bench.catalogue_table import catalogue_table


def test_every_model_has_a_row_with_its_inputs_by_name() -> None:
    frame = catalogue_table().frame.set_index("model")
    assert list(frame.index) == list_models()
    assert frame.loc["epam_net", "inputs"] == "rgb 3×16×224×224 + heatmaps 17×48×56×56"
    assert frame.loc["epam_net", "modalities"] == "rgb + pose"
    assert frame.loc["slowonly_r50", ["clips", "crops"]].tolist() == [10, 3]
