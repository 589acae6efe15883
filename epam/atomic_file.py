"""Files that appear whole or not at all."""

from __future__ import annotations

import glob
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from epam.errors import InputError

STALE_SECONDS = 3600.0
"""A temporary file this old belongs to a writer that was killed."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on leaving, put what was written there in its place.

    The data are on the disk before the name is: a kill or a full disk leaves the old file as it
    was. On an error the temporary file is removed and the error goes on. A link is followed, and
    what is no regular file (a pipe, ``/dev/stdout``) is written to as it is. Temporaries that
    killed writers left an hour ago or earlier are removed.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_stale(path.parent, prefix=f".{path.name}.")
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        _publish(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_stale(folder: Path, *, prefix: str) -> None:
    """Remove temporary files that killed writers left an hour ago or earlier."""
    for left in folder.glob(f"{glob.escape(prefix)}*.tmp"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                left.unlink()


def write_atomically(path: Path, content: str | bytes) -> Path:
    """Write a whole file at once, text as UTF-8; returns the path.

    Raises:
        InputError: it cannot be written; what was there before is untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror}); choose another place or free some disk"
        ) from None
    return path


def _publish(temporary: Path, path: Path) -> None:
    # mkstemp makes private files; a result has the permissions that the user's umask gives.
    umask = os.umask(0)
    os.umask(umask)
    temporary.chmod(0o666 & ~umask)
    put_in_place(temporary, path)


def put_in_place(temporary: Path, path: Path) -> None:
    """Rename a finished file of the same folder; its data are on the disk before its name is."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put a folder's new names on the disk, where the system lets a folder be synced."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
