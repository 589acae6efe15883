from __future__ import annotations

import sys
from pathlib import Path

import pytest

from epam.errors import InputError, UnknownNameError
from epam_baselines import list_models, model_spec
from epam_bench.plan import (
    parse_batch_sizes,
    parse_inputs,
    parse_names,
    plan_counters,
    plan_models,
    plan_plugins,
)


def test_no_name_is_the_whole_catalogue_and_a_repeated_one_counts_once() -> None:
    assert [spec.name for spec in plan_models(None)] == list_models()
    assert [spec.name for spec in plan_models(["c3d", "epam_net", "c3d"])] == ["c3d", "epam_net"]


def test_unknown_model_is_refused_before_anything_is_built() -> None:
    with pytest.raises(UnknownNameError, match="'epam_net'"):
        plan_models(["epamnet"])


def test_clip_size_reaches_both_of_epam_nets_inputs() -> None:
    (spec,) = plan_models(["epam_net"], "8x128x160")
    assert spec.inputs == {"rgb": (3, 8, 128, 160), "heatmaps": (17, 24, 32, 40)}


def test_all_is_every_counter() -> None:
    assert [counter.name for counter in plan_counters("all")] == ["consensus", "torch", "fvcore", "thop"]


def test_batch_sizes_may_be_repeated_or_listed() -> None:
    assert parse_batch_sizes(["1,8", "32", "8"]) == [1, 8, 32]
    with pytest.raises(InputError, match="batch size '0'"):
        parse_batch_sizes(["1,0"])


@pytest.mark.parametrize("text", ["rgb=1x3x16x224x224", " rgb = 1×3*16X224x224 "])
def test_an_input_is_read_however_it_is_typed(text: str) -> None:
    assert parse_inputs([text]) == {"rgb": (1, 3, 16, 224, 224)}


def test_inputs_keep_their_order_and_none_is_none() -> None:
    assert list(parse_inputs(["Pose_2=1x2", "rgb=1x3"]) or {}) == ["Pose_2", "rgb"]
    assert parse_inputs([]) is None
    assert parse_inputs(None) is None


@pytest.mark.parametrize(
    "text", ["rgb", "1x3x16", "rgb=", "rgb=1xx3", "rgb=axb", "=1x3", "a b=1x3", "rgb=-1x3"]
)
def test_an_unreadable_input_shows_an_example(text: str) -> None:
    with pytest.raises(InputError, match="name=shape, for example rgb=1x3x16x224x224, batch first"):
        parse_inputs([text])


def test_an_input_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match="input rgb is given twice"):
        parse_inputs(["rgb=1x3", "rgb=1x4"])


def test_inputs_are_for_models_from_outside_if_there_are_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outside_models.py").write_text("from torch import nn\ndef net(): return nn.Linear(4, 2)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    ours, c3d = plan_models(["outside_models:net", "c3d"], inputs={"rgb": (2, 4)})
    assert dict(ours.inputs) == {"rgb": (4,)}
    assert c3d == model_spec("c3d")
    (alone,) = plan_models(["x3d_m"], inputs={"rgb": (1, 3, 4, 160, 182)})
    assert dict(alone.inputs) == {"rgb": (3, 4, 160, 182)}


def test_inputs_without_a_model_or_beside_a_clip_size_are_refused() -> None:
    with pytest.raises(InputError, match="--input: name the model"):
        plan_models(None, inputs={"rgb": (1, 3)})
    with pytest.raises(InputError, match="--clip and --input both"):
        plan_models(["c3d"], "8x112x112", {"rgb": (1, 3)})


def test_plugins_stand_behind_the_catalogue_and_are_found_by_name(tiny_spec) -> None:
    mine = tiny_spec("mine")
    assert [spec.name for spec in plan_models(None, plugins=[mine])] == [*list_models(), "mine"]
    assert plan_models(["mine"], plugins=[mine]) == [mine]
    with pytest.raises(UnknownNameError, match="did you mean 'mine'"):
        plan_models(["mines"], plugins=[mine])


def test_plugins_of_a_folder_cannot_take_a_catalogue_models_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", list(sys.path))
    (tmp_path / "same.py").write_text("from epam_baselines import model_spec\nSPEC = model_spec('c3d')\n")
    found = plan_plugins(tmp_path)
    assert found.specs == ()
    assert "c3d is left out" in found.problems[f"plug-in {tmp_path / 'same.py'}"]


def test_names_are_separated_by_commas_each_once() -> None:
    assert parse_names("--backend", "eager, fused,,eager") == ["eager", "fused"]
    with pytest.raises(InputError, match="--backend ' , ': write names with commas between"):
        parse_names("--backend", " , ")
