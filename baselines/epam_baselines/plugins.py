"""Models that others add to the catalogue: installed plug-ins, and folders of Python files."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from epam.errors import InputError, printable
from epam_baselines.custom_models import ImportedSpec
from epam_baselines.specification import ModelSpec

ENTRY_POINTS = "epam_bench.models"
"""The group under which a distribution lists its models: each a ModelSpec, several, or a module."""

VARIABLE = "EPAM_BENCH_PLUGINS"
"""The environment variable that names a folder, or several with the system's path separator between."""


@dataclass(frozen=True)
class Plugins:
    """Models that plug-ins brought.

    Attributes:
        specs: in the order of their plug-ins: installed, of the environment's folder, of the one given.
        problems: one line for each plug-in that brought none, or fewer than it has, by its name.
    """

    specs: tuple[ModelSpec, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Source:
    """One plug-in: what it is called, its file if it is one, and what imports it."""

    label: str
    file: str | None
    load: Callable[[], object]


def load_plugins(taken: Collection[str], folder: Path | None = None) -> Plugins:
    """Import every plug-in; one that fails, or whose names are taken, costs itself only.

    Importing runs a plug-in's code, so the folder must come from the user.

    Args:
        taken: names of the catalogue, which no plug-in can have.
        folder: of ``.py`` files with ``SPEC`` or ``SPECS`` each; those that begin with ``_`` are
            theirs to import. Looked into after the installed plug-ins and ``EPAM_BENCH_PLUGINS``.

    Raises:
        InputError: the folder is not there.
    """
    if folder is not None and not folder.is_dir():
        raise InputError(f"plug-ins {folder}: no such folder; give one with a .py file for each plug-in")
    specs: list[ModelSpec] = []
    problems: dict[str, str] = {}
    for place in _named_by_environment():
        if not place.is_dir():
            problems[f"plug-ins {place}"] = f"no such folder, named by {VARIABLE}"
    names = set(taken)
    for source in _sources(folder):
        found, problem = _load(source)
        for spec in found:
            if spec.name in names:
                problem = f"its model {printable(spec.name)} is left out: there is another of that name"
                continue
            names.add(spec.name)
            specs.append(ImportedSpec.of(spec, source.file) if source.file else spec)
        if problem:
            problems[f"plug-in {source.label}"] = problem
    return Plugins(tuple(specs), problems)


def load_plugin_file(path: Path) -> tuple[ModelSpec, ...]:
    """The models of one file.

    Raises:
        Exception: whatever importing it raises.
        InputError: it has neither ``SPEC`` nor ``SPECS``, or what they hold is no ModelSpec.
    """
    return _specs_in(_import_file(path))


def _named_by_environment() -> list[Path]:
    return [Path(part) for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]


def _sources(folder: Path | None) -> Iterator[_Source]:
    for entry in _entry_points():
        yield _Source(f"{entry.name} ({entry.value})", None, entry.load)
    folders = [*_named_by_environment(), *([folder] if folder else [])]
    for place in dict.fromkeys(place.resolve() for place in folders):
        for path in sorted(place.glob("*.py")):
            if not path.name.startswith("_"):
                yield _Source(str(path), str(path), functools.partial(_import_file, path))


@functools.cache
def _entry_points() -> tuple[importlib.metadata.EntryPoint, ...]:
    """What is installed does not change while the command runs, and finding it takes a while."""
    return tuple(sorted(importlib.metadata.entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name))


def _load(source: _Source) -> tuple[tuple[ModelSpec, ...], str | None]:
    try:
        return _specs_in(source.load()), None
    except InputError as error:
        return (), str(error)
    # Another's code may fail in any way, and may try to end the process.
    except (Exception, SystemExit) as error:
        first_line = str(error).strip().partition("\n")[0]
        said = f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
        return (), f"importing it failed ({said})"


def _import_file(path: Path) -> ModuleType:
    """Import a file under a name that no other has, once."""
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    name = f"epam_bench_plugin_{path.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    if str(path.parent) not in sys.path:
        # Last, so that its other files can be imported and stand in for nobody else's.
        sys.path.append(str(path.parent))
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise InputError("not a file that Python can import")
    module = importlib.util.module_from_spec(found)
    # Dataclasses look their module up while it is being imported.
    sys.modules[name] = module
    try:
        found.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _specs_in(found: object) -> tuple[ModelSpec, ...]:
    """ModelSpecs, however they are held."""
    if isinstance(found, ModuleType):
        held = [getattr(found, name) for name in ("SPEC", "SPECS") if hasattr(found, name)]
        if not held:
            raise InputError("it has neither SPEC nor SPECS")
        return tuple(spec for value in held for spec in _specs_in(value))
    if isinstance(found, list | tuple):
        return tuple(spec for value in found for spec in _specs_in(value))
    if isinstance(found, ModelSpec):
        return (_usable(found),)
    if callable(found):
        return _specs_in(found())
    raise InputError(f"it holds a value of type {type(found).__name__}, not a ModelSpec")


def _usable(spec: ModelSpec) -> ModelSpec:
    if not spec.name or ":" in spec.name or not spec.name.isprintable():
        raise InputError(f"its model's name is {printable(spec.name)!r}; give one without a colon")
    sizes = [size for shape in spec.inputs.values() for size in shape]
    if not sizes or any(type(size) is not int or size < 1 for size in sizes):
        raise InputError(
            f"its model {spec.name} has inputs of {dict(spec.inputs)}; give whole numbers from 1"
        )
    return spec
