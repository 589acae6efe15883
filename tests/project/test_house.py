"""Rules about the project itself: imports point down, imports are inert, the wheel is whole."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "epam": ROOT / "epam",
    "epam_baselines": ROOT / "baselines" / "epam_baselines",
    "epam_bench": ROOT / "bench" / "epam_bench",
    "epam_reports": ROOT / "reports" / "epam_reports",
    "epam_inference": ROOT / "inference" / "epam_inference",
}

TORCH_FREE = ["epam.errors", "epam.atomic_file"]
MAY_IMPORT = {
    "epam": ["epam"],
    "epam_baselines": ["epam", "epam_baselines"],
    "epam_bench.records": TORCH_FREE,
    "epam_bench.paired_timing": [*TORCH_FREE, "epam_bench.records"],
    "epam_bench.calibration": [
        *TORCH_FREE,
        "epam.evaluation.intervals",
        "epam_bench.records",
        "epam_bench.paired_timing",
    ],
    "epam_reports": [
        *TORCH_FREE,
        "epam_bench.records",
        "epam_bench.paired_timing",
        "epam_bench.calibration",
        "epam_reports",
    ],
    "epam_bench.commands": ["epam", "epam_baselines", "epam_bench", "epam_reports"],
    "epam_bench": ["epam", "epam_baselines", "epam_bench"],
    "epam_inference": ["epam", "epam_baselines", "epam_inference"],
}
"""Arrows point down: who may import what of ours, the more particular name first."""

TESTED_ELSEWHERE = {
    "epam.backends.backend": "test_registry.py and test_optimized_model.py: types, no code",
    "epam.data.person_crop": "test_clip.py and test_pipelines.py, which crop",
    "epam.data.preparation.finding": "test_split_checks.py and test_checking.py, which make them",
    "epam.data.preparation.video_checks": "test_checking.py, on a whole folder",
    "epam.evaluation.distributed_gather": "test_split_evaluation.py, with gloo processes",
    "epam_bench.model_card": "test_counting.py: a record's first field",
    "epam_inference.network_kind": "test_command.py, by running the scripts",
    "epam_inference.run": "test_command.py, by running the scripts",
    **dict.fromkeys(
        [f"epam_bench.counters.{name}_counter" for name in ("torch", "fvcore", "thop")]
        + ["epam_bench.counters.counter", "epam_bench.counters.replica"],
        "test_counters.py: all counters by the same cases",
    ),
    **dict.fromkeys(
        [f"epam.data.commands.{name}" for name in ("check", "options", "prepare", "progress", "synth")],
        "test_app.py, by running them",
    ),
    **dict.fromkeys(
        [
            f"epam_bench.commands.{name}"
            for name in ("app", "claims", "flops", "latency", "models", "options", "reproduce", "tables")
        ],
        "test_commands.py, by running them",
    ),
}
"""Source files without a test file of their name, and where they are tested."""

BANNED_NAMES = {"utils", "util", "common", "core", "helpers", "misc"}


def modules() -> Iterator[tuple[str, Path]]:
    """Dotted name and file of every module of ours."""
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = [package, *path.relative_to(folder).with_suffix("").parts]
            yield ".".join(parts).removesuffix(".__init__"), path


def is_within(name: str, scope: str) -> bool:
    return name == scope or name.startswith(scope + ".")


def imported_names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            assert node.module is not None
            # `from epam import errors` may name a module: both readings must be allowed.
            if node.module in PACKAGES:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            else:
                yield node.module


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=lambda value: str(value).rpartition("/")[2])
def test_imports_point_down(name: str, path: Path) -> None:
    scope = next(scope for scope in MAY_IMPORT if is_within(name, scope))
    ours = [found for found in imported_names(path) if found.partition(".")[0] in PACKAGES]
    wrong = [found for found in ours if not any(is_within(found, allowed) for allowed in MAY_IMPORT[scope])]
    assert wrong == [], f"{name} must not import {wrong}"


def test_imports_are_inert(tmp_path: Path) -> None:
    names = [name for name, _ in modules() if not name.endswith("__main__")]
    code = f"""
import importlib, sys, threading, torch, numpy
torch_state, numpy_state = torch.get_rng_state(), numpy.random.get_state()[1].copy()
threads, running, path = torch.get_num_threads(), threading.active_count(), list(sys.path)
for name in {names!r}:
    importlib.import_module(name)
assert torch.equal(torch.get_rng_state(), torch_state), "the torch generator moved"
assert (numpy.random.get_state()[1] == numpy_state).all(), "the numpy generator moved"
assert torch.get_num_threads() == threads, "the number of threads changed"
assert threading.active_count() == running, "a thread was started"
assert sys.path == path, "sys.path changed"
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


LIGHT_ENTRIES = [
    "epam",
    "epam.data.commands.app",
    "epam.data.datasets",
    "epam.evaluation.intervals",
    "epam.training.recipe",
    "epam_baselines.train_command",
    "epam_bench.records",
    "epam_bench.calibration",
    "epam_bench.paired_timing",
    "epam_bench.commands.app",
    "epam_reports.report",
    "epam_inference.command",
]


@pytest.mark.parametrize("entry", LIGHT_ENTRIES)
def test_reports_and_help_do_not_import_torch(entry: str) -> None:
    code = f"import sys, {entry}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_no_module_is_named_for_nothing_or_like_the_standard_library() -> None:
    for name, path in modules():
        stem = name.rpartition(".")[2]
        assert stem not in BANNED_NAMES, path
        assert stem not in sys.stdlib_module_names, path


@pytest.mark.parametrize("package", ["epam", "epam.data", "epam.evaluation", "epam_baselines"])
def test_public_names_of_a_lazy_package_are_what_their_homes_define(package: str) -> None:
    module = importlib.import_module(package)
    assert sorted(module.__all__) == sorted(module._HOMES)
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match="no_such_name"):
        module.no_such_name  # noqa: B018


def test_wheel_holds_every_module_and_data_file_and_nothing_else_at_the_top(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {
        f"{package}/{path.relative_to(folder).as_posix()}"
        for package, folder in PACKAGES.items()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in {".pyc"}
    }
    assert held == expected
    assert {name.partition("/")[0] for name in held} == set(PACKAGES)


def test_every_command_is_a_function_that_exists() -> None:
    from importlib import import_module

    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert set(scripts) == {"epam-bench", "epam-data", "epam-export", "epam-predict", "epam-train"}
    for target in scripts.values():
        module, _, function = target.partition(":")
        assert callable(getattr(import_module(module), function))


def test_what_is_tested_elsewhere_is_there_and_so_is_its_test() -> None:
    names = {name for name, _ in modules()}
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    for name, where in TESTED_ELSEWHERE.items():
        assert name in names, f"{name} is gone: take it off the list"
        assert where.partition(".py")[0] + ".py" in tests, where


def test_every_source_file_has_a_test_file_in_its_place() -> None:
    missing = [
        name
        for name, path in modules()
        if not path.name.startswith("__") and name not in TESTED_ELSEWHERE and not mirror_of(name).exists()
    ]
    assert missing == []


def mirror_of(name: str) -> Path:
    package, *folders, stem = name.split(".")
    return ROOT.joinpath("tests", package, *folders, f"test_{stem}.py")
