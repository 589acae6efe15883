from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from epam.errors import InputError
from epam_baselines import plugins
from epam_baselines.custom_models import ImportedSpec
from epam_baselines.plugins import VARIABLE, load_plugin_file, load_plugins

GOOD = """
from torch import nn
from epam_baselines import ModelSpec

class Net(nn.Module):
    def __init__(self, *, num_classes):
        super().__init__()
        self.fc = nn.Linear(4, num_classes)

    def forward(self, rgb):
        return self.fc(rgb.mean(dim=(2, 3)))

def spec(name):
    return ModelSpec(name=name, title="Ours", paper="–", year=None, modalities=("rgb",),
                     inputs={"rgb": (4, 2, 2)}, clips=1, crops=1, num_classes=3, build=Net)
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Path]]:
    """Write plug-ins into a folder; afterwards they are forgotten, and no installed one is ever seen."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(plugins, "_entry_points", lambda: ())
    monkeypatch.delenv(VARIABLE, raising=False)
    before = set(sys.modules)

    def write_file(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    yield write_file
    for name in set(sys.modules) - before:
        del sys.modules[name]


def names(found: plugins.Plugins) -> list[str]:
    return [spec.name for spec in found.specs]


def test_every_file_of_a_folder_brings_its_spec_or_specs(write, tmp_path: Path) -> None:
    write("one.py", GOOD + "SPEC = spec('one')")
    write("two.py", GOOD + "SPECS = [spec('two'), spec('three')]")
    write("notes.txt", "no Python")
    found = load_plugins((), tmp_path)
    assert names(found) == ["one", "two", "three"]
    assert found.problems == {}
    assert isinstance(found.specs[0], ImportedSpec)
    assert found.specs[0].origin == str(tmp_path / "one.py")
    assert found.specs[0].build(num_classes=5).fc.out_features == 5


def test_a_plugin_may_import_the_files_beside_it(write, tmp_path: Path) -> None:
    write("_shared.py", GOOD)
    write("net.py", "from _shared import spec\nSPEC = spec('net')")
    found = load_plugins((), tmp_path)
    assert (names(found), found.problems) == (["net"], {})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1 / 0", "importing it failed (ZeroDivisionError: division by zero)"),
        ("def broken(:", "importing it failed (SyntaxError: "),
        ("import no_such_package_of_ours", "No module named 'no_such_package_of_ours'"),
        ("raise SystemExit(3)", "importing it failed (SystemExit: 3)"),
        ("x = 1", "it has neither SPEC nor SPECS"),
        ("SPEC = 3", "it holds a value of type int, not a ModelSpec"),
        (GOOD + "SPEC = spec('a:b')", "its model's name is 'a:b'"),
        (
            GOOD + "import dataclasses\nSPEC = dataclasses.replace(spec('a'), inputs={'rgb': (0,)})",
            "whole numbers",
        ),
    ],
)
def test_a_plugin_that_fails_costs_itself_and_is_named(
    text: str, problem: str, write, tmp_path: Path
) -> None:
    bad = write("bad.py", text)
    write("good.py", GOOD + "SPEC = spec('good')")
    found = load_plugins((), tmp_path)
    assert names(found) == ["good"]
    ((label, said),) = found.problems.items()
    assert label == f"plug-in {bad}"
    assert problem in said
    assert "\n" not in said


def test_a_taken_name_costs_that_model_only(write, tmp_path: Path) -> None:
    write("a.py", GOOD + "SPECS = [spec('c3d'), spec('mine')]")
    write("b.py", GOOD + "SPEC = spec('mine')")
    found = load_plugins({"c3d"}, tmp_path)
    assert names(found) == ["mine"]
    assert list(found.problems.values()) == [
        "its model c3d is left out: there is another of that name",
        "its model mine is left out: there is another of that name",
    ]


def test_the_environment_names_folders_too_and_none_is_read_twice(
    write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("here/one.py", GOOD + "SPEC = spec('one')")
    write("there/two.py", GOOD + "SPEC = spec('two')")
    monkeypatch.setenv(VARIABLE, f"{tmp_path / 'here'}:{tmp_path / 'gone'}")
    found = load_plugins((), tmp_path / "there")
    assert names(found) == ["one", "two"]
    assert found.problems == {f"plug-ins {tmp_path / 'gone'}": f"no such folder, named by {VARIABLE}"}
    monkeypatch.setenv(VARIABLE, str(tmp_path / "here"))
    assert load_plugins((), tmp_path / "here").problems == {}


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such folder; give one with a \.py file for each plug-in"):
        load_plugins((), tmp_path / "missing")


def test_an_installed_distribution_brings_models_by_its_entry_points(
    write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("installed_nets.py", GOOD + "SPEC = spec('installed')\nSPECS = [spec('second')]")
    info = tmp_path / "installed_nets-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: installed-nets\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[epam_bench.models]\nnets = installed_nets\ngone = no_such_package_of_ours:SPEC\n"
    )
    monkeypatch.undo()
    monkeypatch.syspath_prepend(tmp_path)
    plugins._entry_points.cache_clear()
    try:
        found = load_plugins(())
    finally:
        plugins._entry_points.cache_clear()
    assert names(found) == ["installed", "second"]
    assert "No module named" in found.problems["plug-in gone (no_such_package_of_ours:SPEC)"]


def test_one_file_can_be_read_by_itself(write) -> None:
    (spec,) = load_plugin_file(write("one.py", GOOD + "SPEC = spec('one')"))
    assert spec.name == "one"
