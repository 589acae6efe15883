from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from epam.errors import InputError, UnknownNameError
from epam_baselines import create_model, find_spec, model_spec
from epam_baselines.custom_models import ImportedSpec, import_model, import_spec, is_import_path

MODULE = """
import dataclasses
from torch import nn
from epam_baselines import model_spec

class Plain(nn.Module):
    def __init__(self, *, num_classes, width=8):
        super().__init__()
        self.linear = nn.Linear(width, num_classes)

SPEC = dataclasses.replace(model_spec("x_shiftnet_pose"), name="plain", build=Plain)

class Models:
    best = SPEC

def plain():
    return SPEC

def forgetful():
    return Plain(num_classes=3)

LAYER = Plain(num_classes=2)

class Ready(Plain):
    def __init__(self, num_classes=6):
        super().__init__(num_classes=num_classes)

    def forward(self, x):
        return self.linear(x)

class Halved(Ready):
    def forward(self, x):
        return self.linear(x[..., :8])

def ready():
    return Ready()

def number():
    return 3

def demanding(width):
    return SPEC

TITLE = "no function"
"""


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Write modules into a fresh working directory; afterwards they are forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def write(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text)

    write("our_models", MODULE)
    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize("text", ["our_models:plain", "our_models:SPEC", "our_models:Models.best"])
def test_a_function_or_a_spec_in_the_working_directory_is_found(text: str, write_module) -> None:
    assert find_spec(text).name == "plain"
    assert create_model(text, 5, options={"width": 4}).linear.weight.shape == (5, 4)


def test_a_name_without_a_colon_is_the_catalogues() -> None:
    assert not is_import_path("epam_net")
    assert find_spec("epam_net") is model_spec("epam_net")
    with pytest.raises(UnknownNameError, match="did you mean 'epam_net'"):
        find_spec("epamnet")


def test_the_working_directory_does_not_hide_what_is_installed(write_module) -> None:
    write_module("this", "raise RuntimeError('the wrong one')")
    with pytest.raises(UnknownNameError, match="name in this 'zen'"):
        import_spec("this:zen")


@pytest.mark.parametrize("text", ["our_models:", ":plain", "our models:plain", "a:b:c", "../x:plain", "a:b."])
def test_what_is_no_dotted_name_is_refused_before_anything_is_imported(text: str) -> None:
    with pytest.raises(InputError, match=r"write package\.module:factory"):
        import_spec(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "no_such_module:plain",
            "importing no_such_module failed .*No module named 'no_such_module'.*in the folder that holds",
        ),
        ("our_models:forgetful", "gave a Plain, not a ModelSpec"),
        ("our_models:demanding", "without arguments failed .*missing 1 required.*must return a ModelSpec"),
        ("our_models:TITLE", "is of type str, neither a ModelSpec nor a network nor a function"),
    ],
)
def test_what_gives_no_spec_says_why_in_one_line(text: str, message: str, write_module) -> None:
    with pytest.raises(InputError, match=message) as caught:
        import_spec(text)
    assert "\n" not in str(caught.value)


def test_a_module_that_fails_says_so(write_module) -> None:
    write_module("broken_models", "1 / 0")
    with pytest.raises(
        InputError, match=r"importing broken_models failed \(ZeroDivisionError: division by zero\)"
    ):
        import_spec("broken_models:plain")


def test_a_name_that_the_module_lacks_is_told_with_the_nearest(write_module) -> None:
    with pytest.raises(UnknownNameError, match="name in our_models 'plane'; did you mean 'plain'"):
        import_spec("our_models:plane")


@pytest.mark.parametrize("text", ["our_models:ready", "our_models:Ready"])
def test_any_network_becomes_a_model_once_its_inputs_are_given(text: str, write_module) -> None:
    spec = import_model(text, {"x": (2, 5, 8)})
    assert isinstance(spec, ImportedSpec)
    assert (spec.name, spec.title, spec.origin) == (text, text, text)
    assert (spec.paper, spec.year, spec.views, spec.head) == ("–", None, 1, ())
    assert dict(spec.inputs) == {"x": (5, 8)}
    assert spec.num_classes == 6
    assert spec.build(num_classes=6).linear.weight.shape == (6, 8)


def test_the_class_count_of_a_factory_that_takes_one_can_be_set(write_module) -> None:
    assert import_model("our_models:Ready", {"x": (1, 8)}).build(num_classes=9).linear.out_features == 9
    with pytest.raises(InputError, match="9 classes asked for, and its factory has no parameter num_classes"):
        import_model("our_models:ready", {"x": (1, 8)}).build(num_classes=9)


@pytest.mark.parametrize("text", ["there:NET", "there:always_the_same"])
def test_a_network_that_is_there_already_is_copied_not_used(text: str, write_module) -> None:
    write_module("there", "import our_models\nNET = our_models.Ready()\ndef always_the_same(): return NET\n")
    spec = import_model(text, {"x": (1, 8)})
    assert sys.modules["there"].NET.training
    built = spec.build(num_classes=6)
    sys.modules["there"].NET.linear.weight.data.zero_()
    assert bool(built.linear.weight.any())


def test_a_spec_keeps_its_own_inputs_or_takes_those_given(write_module) -> None:
    assert import_model("our_models:plain").inputs == model_spec("x_shiftnet_pose").inputs
    spec = import_model("our_models:plain", {"heatmaps": (4, 17, 8, 32, 32)})
    assert dict(spec.inputs) == {"heatmaps": (17, 8, 32, 32)}
    assert spec.origin == "our_models:plain"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("our_models:number", "gave a value of type int, neither a ModelSpec nor a network"),
        ("our_models:Plain", "without arguments failed .*num_classes.*or a network"),
        ("our_models:TITLE", "is of type str, neither"),
        ("our_models:ready", r"our_models:ready cannot take x of 1×7 \(RuntimeError: "),
    ],
)
def test_what_gives_no_network_that_takes_the_inputs_says_why(text: str, message: str, write_module) -> None:
    with pytest.raises(InputError, match=message) as caught:
        import_model(text, {"x": (1, 7)})
    assert "\n" not in str(caught.value)


def test_a_network_without_inputs_asks_for_them(write_module) -> None:
    for text in ("our_models:ready", "our_models:LAYER"):
        with pytest.raises(InputError, match=r"not a ModelSpec; .*--input rgb=1x3x16x224x224"):
            import_model(text)
