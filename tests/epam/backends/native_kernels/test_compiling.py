from __future__ import annotations

import ctypes
import errno
import os
import stat
from pathlib import Path

import pytest

from epam.backends.backend import BackendError
from epam.backends.native_kernels import compiling

pytestmark = pytest.mark.skipif(compiling.find_compiler() is None, reason="there is no C compiler")


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one small source, and a cache of its own."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "answer.c").write_text("int answer(void) { return 42; }\n")
    monkeypatch.setattr(compiling, "SOURCES", folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def libraries(sources: Path) -> list[Path]:
    return sorted((sources.parent / "cache").rglob("*.so"))


def test_a_library_is_compiled_once_and_private(sources, monkeypatch) -> None:
    assert compiling.load_library().answer() == 42
    (library,) = libraries(sources)
    assert library.stat().st_mode & 0o777 == 0o700
    assert library.parent.stat().st_mode & 0o777 == 0o700
    assert list(library.parent.iterdir()) == [library]
    monkeypatch.setattr(compiling, "_compile", lambda *_: pytest.fail("compiled again"))
    assert compiling.load_library().answer() == 42


def test_another_source_is_another_library(sources) -> None:
    compiling.load_library()
    (sources / "answer.c").write_text("int answer(void) { return 43; }\n")
    assert compiling.load_library().answer() == 43
    assert len(libraries(sources)) == 2


def test_a_library_that_others_may_write_to_is_made_anew(sources) -> None:
    compiling.load_library()
    (library,) = libraries(sources)
    before = library.stat().st_ino
    library.chmod(0o777)
    assert compiling.load_library().answer() == 42
    (library,) = libraries(sources)
    assert library.stat().st_mode & 0o022 == 0
    assert library.stat().st_ino != before


def test_a_damaged_library_is_made_anew(sources) -> None:
    compiling.load_library()
    (library,) = libraries(sources)
    library.unlink()
    library.write_bytes(b"not a library")
    assert compiling.load_library().answer() == 42


@pytest.mark.parametrize("spoil", ["open to all", "a link", "a file"])
def test_a_folder_that_is_not_private_is_not_used(spoil, sources, tmp_path, monkeypatch) -> None:
    folder = tmp_path / "cache" / "epam-bench" / "native"
    folder.parent.mkdir(parents=True)
    if spoil == "open to all":
        folder.mkdir()
        folder.chmod(0o777)
    elif spoil == "a link":
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.write_text("")
    elsewhere = tmp_path / "temporary"
    elsewhere.mkdir()
    monkeypatch.setattr(compiling.tempfile, "tempdir", str(elsewhere))
    assert compiling.load_library().answer() == 42
    assert libraries(sources) == []


def test_a_source_that_does_not_compile_is_one_clear_line_and_leaves_nothing(sources) -> None:
    (sources / "answer.c").write_text("int answer(void) { return }\n")
    with pytest.raises(BackendError, match=r"cannot compile the kernels: .*error.*setting CC") as caught:
        compiling.load_library()
    assert "\n" not in str(caught.value)
    assert [path for path in (sources.parent / "cache").rglob("*") if path.is_file()] == []


def test_what_killed_compiles_left_is_removed_when_it_is_old(sources) -> None:
    compiling.load_library()
    (library,) = libraries(sources)
    old, young = library.with_name(".dead.tmp"), library.with_name(".alive.tmp")
    for left in (old, young):
        left.write_text("")
    os.utime(old, (0, 0))
    (sources / "answer.c").write_text("int answer(void) { return 43; }\n")
    assert compiling.load_library().answer() == 43
    assert not old.exists()
    assert young.exists()


def test_a_library_is_on_the_disk_before_its_name_is(sources, monkeypatch) -> None:
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def log_sync(descriptor: int) -> None:
        kind = os.fstat(descriptor).st_mode
        steps.append("sync folder" if stat.S_ISDIR(kind) else "sync file")
        sync(descriptor)

    def log_replace(path: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", log_sync)
    monkeypatch.setattr(Path, "replace", log_replace)
    compiling.load_library()
    assert steps == ["sync file", "rename", "sync folder"]


def test_a_disk_that_is_full_is_one_clear_line_and_leaves_nothing(sources, monkeypatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BackendError, match=r"cannot be written \(No space left .* set XDG_CACHE_HOME"):
        compiling.load_library()
    assert [path for path in (sources.parent / "cache").rglob("*") if path.is_file()] == []


def test_the_compiler_is_the_one_that_the_environment_names(tmp_path, monkeypatch) -> None:
    fake = tmp_path / "my-cc"
    fake.write_text("#!/bin/sh\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setenv("CC", f"{fake} -O2")
    assert compiling.find_compiler() == [str(fake), "-O2"]
    with pytest.raises(BackendError, match="fails on an empty file"):
        compiling.load_library()
    monkeypatch.setenv("CC", "no-such-compiler")
    assert compiling.find_compiler() in (["cc"], ["gcc"], ["clang"])


def test_a_compiler_that_hangs_is_given_up(tmp_path, monkeypatch) -> None:
    fake = tmp_path / "my-cc"
    fake.write_text("#!/bin/sh\nexec sleep 60\n")
    fake.chmod(0o755)
    monkeypatch.setenv("CC", str(fake))
    monkeypatch.setattr(compiling, "COMPILE_SECONDS", 0.2)
    with pytest.raises(BackendError, match="another one by setting CC"):
        compiling.load_library()


def test_it_is_a_library_that_ctypes_loads(sources) -> None:
    assert isinstance(compiling.load_library(), ctypes.CDLL)
    assert os.environ["XDG_CACHE_HOME"] in str(libraries(sources)[0])
