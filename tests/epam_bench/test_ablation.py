from __future__ import annotations

from pathlib import Path

import pytest

from epam.data.data_root import DataLocation
from epam.errors import InputError, UnknownNameError
from epam.training.recipe import Recipe
from epam_bench.ablation import SHORT_VARIANTS, VARIANTS, choose_variants, plan_trials


def names(variants: object) -> list[str]:
    return [variant.name for variant in variants]  # type: ignore[attr-defined]


def at(root: Path) -> DataLocation:
    return DataLocation(dataset="embedded", protocol="xsub", root=root)


def test_all_variants_by_default_and_five_of_them_are_rows() -> None:
    assert choose_variants(None) == VARIANTS
    assert [variant.name for variant in VARIANTS if variant.reported] == [
        "pose",
        "RGB",
        "fused",
        "fused without attention",
        "fused without shift",
    ]


def test_a_variant_brings_those_that_it_starts_from() -> None:
    assert names(choose_variants(["Fused without shift"])) == [
        "pose without shift",
        "RGB without shift",
        "fused without shift",
    ]
    assert names(choose_variants(SHORT_VARIANTS)) == ["pose", "RGB", "fused"]


def test_an_unknown_variant_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="fused without attention"):
        choose_variants(["fused without atention"])


def test_every_training_comes_after_those_that_it_starts_from(tmp_path: Path) -> None:
    trials = plan_trials(VARIANTS, [0, 1, 0], location=at(tmp_path / "data"), output=tmp_path)
    assert len(trials) == 2 * len(VARIANTS)
    known: set[str] = set()
    for trial in trials:
        assert set(trial.job.after) <= known
        known.add(trial.job.name)
    assert len({trial.run for trial in trials}) == len(trials)


def test_a_training_is_told_recipe_seed_changes_and_starts(tmp_path: Path) -> None:
    *_, last = plan_trials(
        choose_variants(["fused without shift"]),
        [7],
        location=at(tmp_path / "data"),
        output=tmp_path / "runs",
        changes=["schedule.epochs=2"],
    )
    arguments = " ".join(last.job.arguments)
    runs = tmp_path / "runs"
    assert last.job.arguments[0] == last.recipe.name == "tiny_multimodal"
    assert f"--root {tmp_path}/data" in arguments
    assert (
        "--set training.seed=7 --set model.options.temporal_shift=false --set schedule.epochs=2" in arguments
    )
    assert f"--pose-from {runs}/pose_without_shift-seed7/last.safetensors" in arguments
    assert f"--rgb-from {runs}/rgb_without_shift-seed7/last.safetensors" in arguments
    assert f"--output {runs}/fused_without_shift-seed7" in arguments
    assert "--resume" not in arguments
    assert last.recipe.training.seed == 7
    assert last.recipe.schedule.epochs == 2
    assert last.recipe.model.options["temporal_shift"] is False


def test_the_short_form_trains_half_as_long_under_a_name_of_its_own(tmp_path: Path) -> None:
    def recipes(size: str) -> list[Recipe]:
        plans = plan_trials(
            choose_variants(SHORT_VARIANTS), [0], location=at(tmp_path), output=tmp_path, size=size
        )
        return [plan.recipe for plan in plans]

    for short, whole in zip(recipes("short"), recipes("tiny"), strict=True):
        assert short.name == whole.name.replace("tiny", "short")
        assert short.schedule.epochs <= whole.schedule.epochs
        assert short.model == whole.model
        assert short.clip == whole.clip


def test_a_run_that_is_there_is_resumed(tmp_path: Path) -> None:
    (tmp_path / "pose-seed0").mkdir()
    (trial,) = plan_trials(choose_variants(["pose"]), [0], location=at(tmp_path), output=tmp_path)
    assert "--resume" in trial.job.arguments


def test_full_size_means_the_papers_recipes(tmp_path: Path) -> None:
    trials = plan_trials(choose_variants(["fused"]), [0], location=at(tmp_path), output=tmp_path, size="full")
    assert [trial.recipe.name for trial in trials] == ["pose", "rgb", "multimodal"]


@pytest.mark.parametrize(("seeds", "size", "message"), [([], "tiny", "no seeds"), ([0], "small", "small")])
def test_nonsense_is_refused_before_anything_runs(
    tmp_path: Path, seeds: list[int], size: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        plan_trials(VARIANTS, seeds, location=at(tmp_path), output=tmp_path, size=size)
