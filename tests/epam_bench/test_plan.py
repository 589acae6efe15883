from __future__ import annotations

import pytest

from epam.errors import InputError, UnknownNameError
from epam_baselines import list_models
from epam_bench.plan import parse_batch_sizes, parse_clip, plan_counters, plan_models


def test_no_name_is_the_whole_catalogue_and_a_repeated_one_counts_once() -> None:
    assert [spec.name for spec in plan_models(None)] == list_models()
    assert [spec.name for spec in plan_models(["c3d", "epam_net", "c3d"])] == ["c3d", "epam_net"]


def test_unknown_model_is_refused_before_anything_is_built() -> None:
    with pytest.raises(UnknownNameError, match="'epam_net'"):
        plan_models(["epamnet"])


@pytest.mark.parametrize("text", ["16x224x224", "16×224×224", "16*224*224", " 16X224X224 "])
def test_clip_size_is_read_however_it_is_typed(text: str) -> None:
    assert parse_clip(text) == (16, 224, 224)


@pytest.mark.parametrize("text", ["16x224", "sixteen", "-1x2x3", ""])
def test_unreadable_clip_size_shows_an_example(text: str) -> None:
    with pytest.raises(InputError, match="16x224x224"):
        parse_clip(text)


def test_clip_size_reaches_both_of_epam_nets_inputs() -> None:
    (spec,) = plan_models(["epam_net"], "8x128x160")
    assert spec.inputs == {"rgb": (3, 8, 128, 160), "heatmaps": (17, 24, 32, 40)}


def test_all_is_every_counter() -> None:
    assert [counter.name for counter in plan_counters("all")] == ["torch", "fvcore", "thop"]


def test_batch_sizes_may_be_repeated_or_listed() -> None:
    assert parse_batch_sizes(["1,8", "32", "8"]) == [1, 8, 32]
    with pytest.raises(InputError, match="batch size '0'"):
        parse_batch_sizes(["1,0"])
