"""A prepared folder held against its data set, and a manifest of what it holds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from epam.atomic_file import write_atomically
from epam.data.data_root import CROPS_FOLDER, STORE_FOLDER, check_root
from epam.data.datasets import Dataset, Protocol
from epam.data.preparation.finding import Finding
from epam.data.preparation.split_checks import PartCount, check_protocol, check_store, has_split
from epam.data.preparation.video_checks import VideoCount, check_videos
from epam.data.store import INDEX_FILE, SkeletonStore, hash_file

MANIFEST_FILE = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What a check found.

    Attributes:
        dataset: the data set's name.
        samples: usable samples of the store.
        looked_at: protocols that were looked at.
        parts: how many samples each of their parts has.
        findings: what is wrong.
        notes: what was not looked at, and why: no finding, and not to be read as a pass.
        videos: what they are together; none where they were not looked at.
    """

    dataset: str
    samples: int
    looked_at: tuple[str, ...]
    parts: tuple[PartCount, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    videos: VideoCount | None


def check_folder(
    dataset: Dataset,
    root: Path,
    *,
    protocol: str | None = None,
    skeletons_only: bool = False,
    workers: int = 1,
    advance: Callable[[str], object] = lambda name: None,
) -> CheckReport:
    """Check a prepared folder and write its manifest.

    Of every protocol that the folder has splits for: its parts' counts against the published
    ones, that no sample is in two parts, that each is in the part that the rule puts it in, and
    that its label is the one that its name says. Every video is decoded from end to end.

    Args:
        dataset: what the folder was prepared for.
        root: the folder.
        protocol: the one to look at; none: all that the folder has splits for.
        skeletons_only: leave the videos out, for pose alone.
        workers: processes that decode; 1 is this one.
        advance: called with each sample's name once its video was looked at.

    Raises:
        InputError: the folder is missing or not prepared, or the manifest cannot be written.
        AnnotationError: its store is damaged.
        UnknownNameError: no such protocol.
    """
    asked = dataset.protocols if protocol is None else (dataset.protocol(protocol),)
    check_root(root, dataset.name)
    store = SkeletonStore.open(root / STORE_FOLDER)
    store.verify()
    looked_at = _choose_protocols(store, asked, protocol)
    findings = [*check_store(store, dataset, root)]
    parts: list[PartCount] = []
    for chosen in looked_at:
        counted, found = check_protocol(store, dataset, chosen)
        parts += counted
        findings += found
    videos = None
    if not skeletons_only:
        videos, found = check_videos(store, dataset, root / CROPS_FOLDER, workers, advance)
        findings += found
    report = CheckReport(
        dataset=dataset.name,
        samples=len(store),
        looked_at=tuple(chosen.name for chosen in looked_at),
        parts=tuple(parts),
        findings=tuple(findings),
        notes=tuple(_notes(dataset, looked_at, skeletons_only=skeletons_only)),
        videos=videos,
    )
    write_manifest(root, store, report)
    return report


def _choose_protocols(
    store: SkeletonStore, protocols: Sequence[Protocol], asked: str | None
) -> Sequence[Protocol]:
    """Those with splits in the store; if there are none, all, so that the lack is found."""
    if asked is not None or not store.splits:
        return protocols
    return [protocol for protocol in protocols if has_split(store, protocol)] or protocols


def _notes(dataset: Dataset, looked_at: Sequence[Protocol], *, skeletons_only: bool) -> Iterator[str]:
    if not dataset.protocols:
        yield f"{dataset.title}: no rule and no counts are known; splits were only held against each other"
    names = [protocol.name for protocol in looked_at]
    left_out = [protocol.name for protocol in dataset.protocols if protocol.name not in names]
    if left_out:
        yield f"not looked at: {', '.join(left_out)} (not asked for, or no splits of it here)"
    if skeletons_only:
        yield "videos not looked at"
    for protocol in looked_at:
        if unknown := [part for part in protocol.split_names if part not in protocol.expected_counts]:
            yield f"{protocol.name}: no count is published for {', '.join(unknown)}"


def write_manifest(root: Path, store: SkeletonStore, report: CheckReport) -> Path:
    """Write what the folder holds, by content: the same folder gives the same file.

    Raises:
        InputError: it cannot be written.
    """
    files = [root / STORE_FOLDER / INDEX_FILE, *sorted((root / STORE_FOLDER).glob("*.npy"))]
    content: dict[str, Any] = {
        "version": 1,
        "dataset": report.dataset,
        "samples": report.samples,
        "sources": [asdict(source) for source in store.sources],
        "store": {
            path.name: {"sha256": hash_file(path), "size_bytes": path.stat().st_size} for path in files
        },
        "videos": None if report.videos is None else asdict(report.videos),
        "protocols_checked": list(report.looked_at),
        "parts": [asdict(part) for part in report.parts],
        "findings_by_kind": dict(sorted(Counter(finding.kind for finding in report.findings).items())),
        "findings": [finding._asdict() for finding in report.findings],
        "notes": list(report.notes),
    }
    return write_atomically(root / MANIFEST_FILE, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
