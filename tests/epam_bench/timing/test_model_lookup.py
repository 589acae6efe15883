from __future__ import annotations

import json
from pathlib import Path

import pytest

from epam.errors import InputError
from epam_baselines import model_spec, with_clip
from epam_baselines.plugins import load_plugins
from epam_bench.timing.model_lookup import describe_spec, find_spec

PLUGIN = """
from epam_baselines import ModelSpec
from torch import nn

SPECS = [
    ModelSpec(name=name, title=name, paper="–", year=None, modalities=("rgb",), inputs={"rgb": (4,)}, clips=1,
              crops=1, num_classes=3, build=lambda num_classes: nn.Linear(4, num_classes))
    for name in ("first", "second")
]
"""


def found_again(spec):
    return find_spec(json.loads(json.dumps(describe_spec(spec))))


def test_catalogue_model_on_another_clip() -> None:
    spec = with_clip(model_spec("epam_net"), 8, 64, 64)
    assert found_again(spec).inputs == {"rgb": (3, 8, 64, 64), "heatmaps": (17, 24, 16, 16)}


def test_model_of_a_plug_in_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN)
    second = load_plugins((), tmp_path).specs[1]
    again = found_again(second)
    assert (again.name, again.inputs) == ("second", {"rgb": (4,)})


def test_imported_model(trial) -> None:
    assert found_again(trial("other").spec).name == "other"


def test_network_that_no_other_process_can_find_says_what_to_do(tiny_spec) -> None:
    with pytest.raises(InputError, match=r"name it as package\.module:factory"):
        found_again(tiny_spec("made_here"))
