"""A model from outside the catalogue, named as ``package.module:factory``."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from torch import nn

from epam.errors import EpamError, InputError, UnknownNameError
from epam_baselines.given_inputs import Shape, specify_module, with_given_inputs
from epam_baselines.specification import ModelSpec

EXAMPLE = "package.module:factory"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportedSpec(ModelSpec):
    """A model from outside the catalogue, and how another process finds it.

    Attributes:
        origin: the import path, or the plug-in's file.
    """

    origin: str

    @classmethod
    def of(cls, spec: ModelSpec, origin: str) -> ImportedSpec:
        """The same specification with its origin."""
        fields = {field.name: getattr(spec, field.name) for field in dataclasses.fields(ModelSpec)}
        return cls(**fields, origin=origin)


def is_import_path(text: str) -> bool:
    """Whether the text names something to import, not a model of the catalogue."""
    return ":" in text


def import_spec(text: str) -> ModelSpec:
    """Import what ``package.module:factory`` names: a ModelSpec, or a function that returns one.

    The working directory is searched after everything that is installed. Importing runs the
    module's code, so the text must come from the user, never out of a file.

    Args:
        text: a module's dotted name, a colon, and a dotted name in that module.

    Raises:
        InputError: no such module, a module or function that fails, or something that is no
            ModelSpec.
        UnknownNameError: the module has no such name; the nearest are named.
    """
    found = _import(text)
    spec = found if isinstance(found, ModelSpec | nn.Module) else _call(found, text)
    if isinstance(spec, nn.Module):
        raise InputError(
            f"model {text!r}: gave a {type(spec).__name__}, not a ModelSpec; return one from the function, "
            "or give epam-bench the shape of each input, as in --input rgb=1x3x16x224x224"
        )
    return _checked(spec, text)


def import_model(text: str, shapes: Mapping[str, Shape] | None = None) -> ImportedSpec:
    """Import what ``package.module:factory`` names: a ModelSpec, a network, or what returns either.

    Args:
        text: as :func:`import_spec` takes it; a network's class is called without arguments.
        shapes: of the inputs by name, batch dimension included; a ModelSpec has its own.

    Raises:
        InputError: as :func:`import_spec`; or a network without shapes, or that refuses them.
        UnknownNameError: the module has no such name, or the model no such input.
    """
    if shapes is None:
        return ImportedSpec.of(import_spec(text), text)
    found = _import(text)
    first = found if isinstance(found, ModelSpec | nn.Module) else _call(found, text)
    if not isinstance(first, nn.Module):
        return ImportedSpec.of(with_given_inputs(_checked(first, text), shapes), text)
    make = (lambda: found) if isinstance(found, nn.Module) else found
    assert callable(make)
    return ImportedSpec.of(specify_module(text, make, shapes, model=first), text)


def _import(text: str) -> object:
    module_name, _, attribute = text.partition(":")
    if not all(part.isidentifier() for part in [*module_name.split("."), *attribute.split(".")]):
        raise InputError(f"model {text!r}: write {EXAMPLE}, a module and a name in it")
    found: object = _import_module(module_name, text)
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise UnknownNameError(
                f"name in {module_name}", name, [known for known in dir(found) if not known.startswith("_")]
            )
        found = getattr(found, name)
    return found


def _checked(spec: object, text: str) -> ModelSpec:
    if not isinstance(spec, ModelSpec):
        raise InputError(
            f"model {text!r}: gave a value of type {type(spec).__name__}, neither a ModelSpec nor a network; "
            "return one from the function"
        )
    return spec


def _import_module(name: str, text: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        # Last, so that a file such as ./random.py does not stand in for the library's.
        sys.path.append(here)
    try:
        return importlib.import_module(name)
    except EpamError:
        raise
    # A module of the user's may fail in any way.
    except Exception as error:
        raise InputError(
            f"model {text!r}: importing {name} failed ({_described(error)}){_hint(error, name)}"
        ) from error


def _hint(error: Exception, name: str) -> str:
    """What to do where it is the module itself that is not found, not one that it imports."""
    if not isinstance(error, ModuleNotFoundError) or error.name != name.partition(".")[0]:
        return ""
    return f"; run this in the folder that holds {error.name}, or put that folder on PYTHONPATH"


def _call(factory: object, text: str) -> object:
    if not callable(factory):
        raise InputError(
            f"model {text!r}: is of type {type(factory).__name__}, neither a ModelSpec nor a network nor a "
            "function that returns one"
        )
    try:
        return factory()
    except EpamError:
        raise
    except Exception as error:
        raise InputError(
            f"model {text!r}: calling it without arguments failed ({_described(error)}); "
            "it must return a ModelSpec or a network"
        ) from error


def _described(error: Exception) -> str:
    first_line = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
