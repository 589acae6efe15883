from __future__ import annotations

import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from epam.errors import InputError, UnknownNameError
from epam.training.recipe import Recipe, list_recipes, load_recipe, parse_recipe, recipe_toml, with_changes


@pytest.fixture
def recipe() -> Recipe:
    return load_recipe("tiny_pose")


def test_the_recipes_are_three_of_the_paper_and_their_tiny_forms() -> None:
    assert list_recipes() == ("multimodal", "pose", "rgb", "tiny_multimodal", "tiny_pose", "tiny_rgb")
    assert [load_recipe(name).name for name in list_recipes()] == list(list_recipes())


def test_the_multimodal_recipe_is_the_published_script() -> None:
    recipe = load_recipe("multimodal")

    assert recipe.clip.model_dump() == {
        "rgb_frames": 16,
        "frame_side": 224,
        "pose_frames": 48,
        "heatmap_side": 56,
    }
    assert recipe.optimizer.learning_rate == round(2 * 12 * 0.001 / 16, 4) == 0.0015
    assert (recipe.optimizer.momentum, recipe.optimizer.weight_decay) == (0.9, 3e-4)
    assert not recipe.optimizer.nesterov
    assert (recipe.schedule.epochs, recipe.schedule.warmup_steps) == (10, 0)
    assert (recipe.training.batch_size, recipe.training.clip_norm, recipe.training.seed) == (12, 40, 100)
    assert recipe.training.precision == "fp32"
    assert (recipe.augmentation.flip_probability, recipe.augmentation.crop) == (0.5, False)


def test_only_pose_training_crops() -> None:
    assert {name for name in list_recipes() if load_recipe(name).augmentation.crop} == {"pose", "tiny_pose"}


@pytest.mark.parametrize("name", ["multimodal", "pose", "rgb"])
def test_every_value_of_a_full_size_recipe_names_its_source(name: str) -> None:
    text = resources.files("epam").joinpath("recipes", f"{name}.toml").read_text(encoding="utf-8")
    values = [
        line for line in text.splitlines() if " = " in line and not line.startswith(("#", "name", "title"))
    ]

    assert len(values) > 20
    for line in values:
        if line.startswith("name = "):
            continue
        source = line.partition("# ")[2]
        assert source.startswith(("published", "paper", "pyskl", "ours")), line


@pytest.mark.parametrize("name", list_recipes())
def test_a_recipe_written_as_toml_reads_back_equal(name: str) -> None:
    recipe = load_recipe(name)

    again = parse_recipe(recipe_toml(recipe), origin="again")

    assert again == recipe
    assert again.sha256 == recipe.sha256


def test_awkward_text_survives_toml(recipe: Recipe) -> None:
    title = 'quote " backslash \\ tab \t break \n delete \x7f ünïcode 🙂'
    model = recipe.model.model_copy(update={"options": {"odd key": "x", "flag": False, "rate": 1e-7}})
    changed = recipe.model_copy(update={"title": title, "model": model})

    assert parse_recipe(recipe_toml(changed), origin="again") == changed


def test_a_file_of_the_users_is_read_by_path(tmp_path: Path, recipe: Recipe) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(recipe_toml(recipe).replace("epochs = 28", "epochs = 3"), encoding="utf-8")

    assert load_recipe(path).schedule.epochs == 3
    assert load_recipe(str(path)) == load_recipe(path)


def test_an_unknown_name_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown recipe 'tiny_pos'; did you mean 'tiny_pose'"):
        load_recipe("tiny_pos")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name = ", "not TOML"),
        (b"a = " + b"[" * 5000, "not TOML"),
        (b"\xff\xfe", "not UTF-8"),
        (b"", "name: missing"),
        (b"#" * 1_000_001, "too large"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused_in_one_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)

    with pytest.raises(InputError, match=message) as caught:
        load_recipe(path)

    assert "bad.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: cannot be read \(No such file or directory\)"):
        load_recipe(tmp_path / "none.toml")


def test_changes_are_applied_in_order_and_typed(recipe: Recipe) -> None:
    changed = with_changes(
        recipe,
        [
            "optimizer.learning_rate=0.01",
            "optimizer.learning_rate = 1",
            "training.precision=bf16",
            "training.class_balanced=true",
            "model.options.stage_blocks=[1, 1, 1]",
            "model.name=my_package.models:build",
        ],
    )

    assert changed.optimizer.learning_rate == 1
    assert changed.training.precision == "bf16"
    assert changed.training.class_balanced is True
    assert changed.model.options["stage_blocks"] == (1, 1, 1)
    assert changed.model.name == "my_package.models:build"
    assert recipe == load_recipe("tiny_pose")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("epochs", "'epochs': not a change of the recipe; write section.field=value"),
        ("=3", "not a change of the recipe"),
        ("schedule.epoch=3", "schedule.epoch: no such field; did you mean 'epochs'?"),
        ("shedule.epochs=3", "unknown section of a recipe 'shedule'; did you mean 'schedule'?"),
        ("schedule.epochs.x=3", "epochs is a value itself"),
        ("schedule.epochs=2.5", "schedule.epochs: got 2.5, expected a valid integer"),
        ("schedule.epochs=true", "schedule.epochs: got True, expected a valid integer"),
        ("schedule.epochs=0", "schedule.epochs: got 0, expected greater than 0"),
        ("schedule.epochs=3\nname = 4", "schedule.epochs: got '3"),
        ("optimizer.learning_rate=nan", "optimizer.learning_rate: got nan"),
        ("optimizer.momentum=1", "optimizer.momentum: got 1, expected less than 1"),
        ("training.precision=fp8", "training.precision: got 'fp8', expected 'fp32', 'bf16' or 'fp16'"),
        ("model.options.x={a=1}", "model.options.x: got {'a': 1}, expected a number"),
    ],
)
def test_a_change_that_cannot_be_is_refused_with_the_field(recipe: Recipe, change: str, message: str) -> None:
    with pytest.raises((InputError, UnknownNameError)) as caught:
        with_changes(recipe, [change])

    assert message in str(caught.value)


def test_nesterov_without_momentum_is_refused(recipe: Recipe) -> None:
    with pytest.raises(InputError, match="nesterov needs a momentum"):
        with_changes(recipe, ["optimizer.momentum=0", "optimizer.nesterov=true"])


def test_the_hash_tells_what_is_trained_and_nothing_else(recipe: Recipe) -> None:
    for change in ("title=other", "training.workers=3", "training.save_every_steps=7"):
        assert with_changes(recipe, [change]).sha256 == recipe.sha256
    for change in ("schedule.epochs=3", "training.seed=1", "model.options.stem_channels=16", "name=x"):
        assert with_changes(recipe, [change]).sha256 != recipe.sha256


def test_the_clip_is_what_pipelines_take(recipe: Recipe) -> None:
    size = recipe.clip.size

    assert (size.pose_frames, size.heatmap_side, size.rgb_frames, size.frame_side) == (18, 24, 6, 96)


def test_recipes_are_read_without_torch() -> None:
    code = (
        "import sys; from epam.training.recipe import load_recipe; load_recipe('pose'); "
        "print('torch' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.strip() == "False"
