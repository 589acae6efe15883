"""A network written as a file: tried where its code is not, put in its place with a card, or not."""

from __future__ import annotations

import glob
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from torch import nn

from epam.atomic_file import STALE_SECONDS, sync_folder
from epam.backends.backend import BackendError, Inputs, Precision
from epam.backends.equality import Equality, describe_wrong_logits
from epam.backends.export import ExportFormat, ExportRequest
from epam.backends.export_card import CARD_SUFFIXES, CardFile, ExportCard, card_markdown
from epam.backends.export_check import check_file
from epam.data.store import hash_file
from epam.errors import InputError

LIBRARIES = ("torch", "onnx", "onnxscript", "onnxruntime", "openvino", "nncf", "numpy")

CardMaker = Callable[[tuple[CardFile, ...], dict[str, str], Equality], ExportCard]
"""Given the files, facts about them and how equal they are, the card."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """What was written.

    Attributes:
        paths: the file, its companions, and its cards.
    """

    paths: tuple[Path, ...]
    card: ExportCard


def export_network(
    model: nn.Module,
    form: ExportFormat,
    path: Path,
    request: ExportRequest,
    *,
    clips: Sequence[Inputs],
    make_card: CardMaker,
) -> Export:
    """Write a network as a file with its card, after the written file gave the network's own logits.

    All is written into a folder beside ``path`` and tried there; only then is each file put in its place.

    Args:
        model: in evaluation mode, with its weights; it is not changed.
        form: of the file.
        path: of the file; it must end as the format wants.
        request: what the file is written for.
        clips: that it is tried with.
        make_card: see :data:`CardMaker`.

    Raises:
        BackendError: it cannot be written or run, or its logits are not the network's; nothing is left.
        InputError: the place cannot be written to.
    """
    check_request(form, path, request.precision)
    with _folder_beside(path) as folder:
        written = folder / path.name
        facts = dict(form.write(model, request, written))
        parts = [written, *(written.with_suffix(suffix) for suffix in form.companions)]
        equality = check_file(
            written, form, model, clips, input_names=request.input_names, precision=request.precision
        )
        if not equality.holds:
            wrong = describe_wrong_logits(equality, request.precision)
            raise BackendError(f"{path.name}: {wrong}; nothing was written")
        files = tuple(
            CardFile(name=part.name, bytes=part.stat().st_size, sha256=hash_file(part)) for part in parts
        )
        card = make_card(files, facts, equality)
        parts += [folder / (path.name + suffix) for suffix in CARD_SUFFIXES]
        for part, text in zip(parts[-2:], (card.model_dump_json(indent=2), card_markdown(card)), strict=True):
            part.write_text(text + "\n", encoding="utf-8")
        return Export(paths=tuple(_publish(parts, path)), card=card)


def check_request(form: ExportFormat, path: Path, precision: Precision) -> None:
    """Raise unless the format has the precision and its libraries, and the file may be called so.

    Raises:
        BackendError: a precision or a library is missing.
        InputError: a name that programs would not open, or a folder where a file is to stand.
    """
    if precision not in form.precisions:
        raise BackendError(f"export to {form.name}: has no {precision}; it has {', '.join(form.precisions)}")
    if missing := form.missing():
        raise BackendError(f"export to {form.name}: {missing}")
    if path.suffix != form.suffix:
        files = " and ".join(f"NAME{suffix}" for suffix in (form.suffix, *form.companions))
        raise InputError(f"{path}: {form.name} is written as {files}; give a name that ends in {form.suffix}")
    companions = [path.with_suffix(suffix) for suffix in form.companions]
    _refuse_folders([path, *companions, *(path.with_name(path.name + suffix) for suffix in CARD_SUFFIXES)])


def _refuse_folders(targets: Sequence[Path]) -> None:
    for target in targets:
        if target.is_dir():
            raise InputError(f"{target}: is a folder, and a file is to stand there; give another name")


def describe_versions() -> dict[str, str]:
    """Python and every library that may touch an exported file."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


@contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    """A folder on the same disk that is gone afterwards, and so are those of writers that were killed."""
    prefix = f".{path.name}."
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f"{glob.escape(prefix)}*.tmp"):
            if left.is_dir() and time.time() - left.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=prefix, suffix=".tmp"))
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose another place") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(parts: Sequence[Path], path: Path) -> list[Path]:
    """Put each part in its place, the file that is opened last.

    Those of an earlier export go first: a kill in between leaves no file beside another's weights or card.
    """
    targets = [path.with_name(part.name) for part in parts]
    # Since the first look at them, minutes may have gone by.
    _refuse_folders(targets)
    try:
        for part in parts:
            with part.open("rb") as file:
                os.fsync(file.fileno())
        with _earlier_put_aside(parts, targets):
            for part, target in reversed(list(zip(parts, targets, strict=True))):
                part.replace(target)
            sync_folder(path.parent)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror}); choose another place or free some disk"
        ) from None
    return targets


@contextmanager
def _earlier_put_aside(parts: Sequence[Path], targets: Sequence[Path]) -> Iterator[None]:
    """Move the files of an earlier export away, the one that is opened first of all.

    Whatever stops the block puts them back, and takes away what had already been put in their place.
    """
    aside = parts[0].parent / "earlier"
    aside.mkdir()
    try:
        for target in targets:
            if os.path.lexists(target):
                target.replace(aside / target.name)
        yield
    except BaseException:
        for part, target in reversed(list(zip(parts, targets, strict=True))):
            with suppress(OSError):
                if os.path.lexists(aside / target.name):
                    (aside / target.name).replace(target)
                elif not part.exists():
                    target.unlink()
        raise
