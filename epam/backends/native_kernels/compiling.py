"""The C sources of this folder as a shared library, compiled once a machine and user."""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import os
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from epam.atomic_file import put_in_place, remove_stale
from epam.backends.backend import BackendError

SOURCES = Path(__file__).parent
FLAGS = ("-std=gnu11", "-O3", "-fno-ivopts", "-fPIC", "-shared", "-pthread", "-Wno-psabi")
"""GCC's choice of induction variables makes a pointer for each of a tile's rows, and spills them: without
it, a tile of 8 by 24 goes from 107 to 116 GFLOP/s."""

NATIVE_FLAGS = ("-march=native", "-mcpu=native")
"""Either makes a compiler use all that this processor can; which one, depends on the processor."""

COMPILE_SECONDS = 300.0
"""Long past any compiler (3 s were seen): one that hangs must not hang us."""


def find_compiler() -> list[str] | None:
    """The command of a C compiler: what ``CC`` says, else the first of the usual names; none: none.

    Raises:
        BackendError: what ``CC`` says cannot be read as a command.
    """
    said = os.environ.get("CC", "")
    try:
        named = shlex.split(said)
    except ValueError as error:  # a quotation that does not end
        raise BackendError(
            f"the environment's CC, {said!r}, cannot be read as a command ({error}); correct or unset it"
        ) from None
    for command in (named, ["cc"], ["gcc"], ["clang"]):
        if command and shutil.which(command[0]):
            return command
    return None


def load_library() -> ctypes.CDLL:
    """The compiled kernels, from the cache where they are in it.

    Raises:
        BackendError: there is no compiler, or it fails, or what it makes cannot be loaded.
    """
    compiler = find_compiler()
    if compiler is None:
        raise BackendError("no C compiler: install one, such as gcc")
    command, target = _command_for_this_processor(compiler)
    folder = _private_folder()
    library = folder / f"{_key(compiler, command, target)}.so"
    if _is_ours(library):
        try:
            return ctypes.CDLL(str(library))
        except OSError:  # damaged: made anew below
            library.unlink(missing_ok=True)
    _compile(command, library)
    try:
        return ctypes.CDLL(str(library))
    except OSError as error:  # a file system mounted noexec, or a compiler for another machine
        raise BackendError(
            f"the compiled kernels cannot be loaded ({error}); set XDG_CACHE_HOME to a folder whose programs "
            "may run, or another compiler by CC"
        ) from None


def _command_for_this_processor(compiler: Sequence[str]) -> tuple[list[str], str]:
    """The compiler with the flag that it knows, and all that it then knows of the processor."""
    for flag in (*NATIVE_FLAGS, None):
        command = [*compiler, *FLAGS, *([flag] if flag else [])]
        done = _run([*command, "-dM", "-E", "-x", "c", os.devnull])
        if done.returncode == 0:
            return command, done.stdout
    raise BackendError(f"{shlex.join(compiler)} fails on an empty file: {_last_line(done.stderr)}")


def _key(compiler: Sequence[str], command: Sequence[str], target: str) -> str:
    """A name that changes with the sources, the compiler, its flags and the processor."""
    version = _run([*compiler, "--version"]).stdout
    parts = [version, *command, target]
    parts += [path.name + path.read_text(encoding="utf-8") for path in sorted(SOURCES.glob("*.[ch]"))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _compile(command: Sequence[str], library: Path) -> None:
    """Make the library; it appears whole or not at all, and nobody else can write to it."""
    # Whatever library they were meant to be: a killed compile's sources may have changed since.
    remove_stale(library.parent, prefix=".")
    descriptor, name = tempfile.mkstemp(dir=library.parent, prefix=".", suffix=".tmp")
    os.close(descriptor)
    try:
        sources = [str(path) for path in sorted(SOURCES.glob("*.c"))]
        done = _run([*command, *sources, "-lm", "-o", name])
        if done.returncode != 0:
            raise BackendError(
                f"{command[0]} cannot compile the kernels: {_last_line(done.stderr)}; try another compiler "
                "by setting CC"
            )
        Path(name).chmod(0o700)
        put_in_place(Path(name), library)
    except OSError as error:
        raise BackendError(
            f"{library}: cannot be written ({error.strerror}); free some disk, or set XDG_CACHE_HOME to a "
            "folder elsewhere"
        ) from None
    finally:
        Path(name).unlink(missing_ok=True)


def _private_folder() -> Path:
    """A folder that only this user writes to: the cache, or, where that is not so, a temporary one."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(home).expanduser() / "epam-bench" / "native"
    try:
        # One by one: `parents` alone makes the upper one as open as the umask is, to be renamed in.
        for part in (folder.parent, folder):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_ours(folder.parent) and _is_ours(folder) and os.access(folder, os.W_OK | os.X_OK):
            return folder
    except (OSError, RuntimeError):  # read-only, a file in the way, or no home at all
        pass
    temporary = tempfile.mkdtemp(prefix="epam-bench-native-")
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    return Path(temporary)


def _is_ours(path: Path) -> bool:
    """Whether it is there, a plain file or folder of this user's, and nobody else may write to it."""
    try:
        status = path.lstat()
    except OSError:
        return False
    plain = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
    return plain and status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"LC_ALL": "C"}
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMPILE_SECONDS,
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise BackendError(
            f"{command[0]} took over {COMPILE_SECONDS:.0f} s; try another one by setting CC"
        ) from None
    except OSError as error:
        raise BackendError(
            f"{command[0]} cannot be run ({error.strerror}); try another one by setting CC"
        ) from None


def _last_line(text: str) -> str:
    """The first error that a compiler names, else the last that it said."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line]
    return (errors or lines or ["it says nothing"])[0 if errors else -1]
