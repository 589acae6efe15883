from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from epam.data.annotations import Annotation
from epam.data.datasets import get_dataset
from epam.data.preparation.checking import check_folder
from epam.data.store import SkeletonStore, SourceFile
from epam.errors import AnnotationError, InputError, UnknownNameError

EMBEDDED = get_dataset("embedded")
NAMES = {"S001C002P001R001A001": 0, "S001C001P003R001A002": 1, "S001C002P001R001A003": 2}
TRAIN, TEST = [name for name in NAMES if "P001" in name], [name for name in NAMES if "P003" in name]
SPLITS = {"xsub_train": TRAIN, "xsub_val": TEST, "xview_train": TRAIN, "xview_val": TEST}


@pytest.fixture
def root(tmp_path: Path, make_shades) -> Path:
    """A prepared folder of three samples of four frames, as it should be."""
    skeletons = np.ones((1, 4, 17, 2), np.float16), np.ones((1, 4, 17), np.float16)
    samples = [Annotation(name, label, (180, 320), 4, *skeletons) for name, label in NAMES.items()]
    sources = [SourceFile(name=f"{part}.pkl", sha256=part[0] * 64, size_bytes=1) for part in ("b", "a")]
    SkeletonStore.pack(samples, SPLITS).write(tmp_path / "store", dataset="embedded", sources=sources)
    for name in NAMES:
        make_shades(tmp_path / "videos224" / f"{name}_rgb.mp4", frames=4, width=224, height=224)
    return tmp_path


def test_a_folder_as_it_should_be_has_no_findings(root: Path) -> None:
    report = check_folder(EMBEDDED, root)
    assert report.findings == ()
    assert report.looked_at == ("xsub", "xview")
    assert report.videos is not None
    assert report.videos.checked == 3


def test_the_manifest_names_every_file_by_its_content(root: Path) -> None:
    check_folder(EMBEDDED, root)
    manifest = json.loads((root / "manifest.json").read_text())
    assert {source["name"]: source["sha256"] for source in manifest["sources"]} == {
        "b.pkl": "b" * 64,
        "a.pkl": "a" * 64,
    }
    assert set(manifest["store"]) == {path.name for path in (root / "store").iterdir()}
    for name, entry in manifest["store"].items():
        content = (root / "store" / name).read_bytes()
        assert entry == {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    assert manifest["findings"] == []


def test_the_same_folder_gives_the_same_manifest_and_another_video_another(root: Path, make_shades) -> None:
    check_folder(EMBEDDED, root)
    before = (root / "manifest.json").read_bytes()
    check_folder(EMBEDDED, root)
    assert (root / "manifest.json").read_bytes() == before
    make_shades(root / "videos224" / f"{TEST[0]}_rgb.mp4", frames=4, width=224, height=224, rate=25)
    check_folder(EMBEDDED, root)
    assert (root / "manifest.json").read_bytes() != before


def test_missing_short_damaged_large_and_unexpected_videos_are_all_found(root: Path, make_shades) -> None:
    videos = root / "videos224"
    (videos / f"{TRAIN[0]}_rgb.mp4").unlink()
    make_shades(videos / f"{TEST[0]}_rgb.mp4", frames=3, width=224, height=224)
    cut = videos / f"{TRAIN[1]}_rgb.mp4"
    cut.write_bytes(cut.read_bytes()[:-300])
    (videos / "S001C003P001R001A001_rgb.mp4").touch()
    (videos / ".a.mp4.x.tmp").touch()
    found = {(finding.kind, finding.subject) for finding in check_folder(EMBEDDED, root).findings}
    assert found == {
        ("missing video", TRAIN[0]),
        ("damaged video", TEST[0]),
        ("damaged video", TRAIN[1]),
        ("unexpected file", "S001C003P001R001A001_rgb.mp4"),
    }
    manifest = json.loads((root / "manifest.json").read_text())
    assert manifest["findings_by_kind"] == {"damaged video": 2, "missing video": 1, "unexpected file": 1}


def test_a_video_that_is_no_crop_is_found(root: Path, make_shades) -> None:
    make_shades(root / "videos224" / f"{TEST[0]}_rgb.mp4", frames=4)
    (finding,) = check_folder(EMBEDDED, root).findings
    assert "has frames of 320×180, crops have 224×224" in finding.message


def test_without_a_folder_of_crops_every_video_is_missing(root: Path) -> None:
    (root / "videos224").rename(root / "elsewhere")
    assert [finding.kind for finding in check_folder(EMBEDDED, root).findings] == ["missing video"] * 3
    report = check_folder(EMBEDDED, root, skeletons_only=True)
    assert (report.findings, report.videos) == ((), None)
    assert "videos not looked at" in report.notes


def test_every_protocol_is_looked_at(root: Path) -> None:
    store = SkeletonStore.open(root / "store")
    wrong = SPLITS | {"xview_train": TEST, "xview_val": TRAIN}
    samples = [store.annotation(row) for row in range(3)]
    SkeletonStore.pack(samples, wrong).write(root / "store", dataset="embedded")
    report = check_folder(EMBEDDED, root)
    assert {finding.kind for finding in report.findings} == {"rule"}
    only = check_folder(EMBEDDED, root, protocol="xsub")
    assert (only.findings, only.looked_at) == ((), ("xsub",))
    assert "not looked at: xview (not asked for, or no splits of it here)" in only.notes


def test_a_protocol_without_splits_is_noted_and_found_when_asked_for(root: Path) -> None:
    store = SkeletonStore.open(root / "store")
    samples = [store.annotation(row) for row in range(3)]
    splits = {name: ids for name, ids in SPLITS.items() if name.startswith("xsub")}
    SkeletonStore.pack(samples, splits).write(root / "store", dataset="embedded")
    report = check_folder(EMBEDDED, root)
    assert (report.findings, report.looked_at) == ((), ("xsub",))
    asked = check_folder(EMBEDDED, root, protocol="xview")
    assert [finding.kind for finding in asked.findings] == ["no split", "no split"]
    with pytest.raises(UnknownNameError):
        check_folder(EMBEDDED, root, protocol="cs")


def test_splits_of_no_known_protocol_are_not_passed_over(root: Path) -> None:
    store = SkeletonStore.open(root / "store")
    samples = [store.annotation(row) for row in range(3)]
    SkeletonStore.pack(samples, {"mine": TRAIN}).write(root / "store", dataset="embedded")
    kinds = [finding.kind for finding in check_folder(EMBEDDED, root).findings]
    assert kinds == ["no split"] * 4


def test_a_damaged_store_and_a_missing_folder_are_errors(root: Path) -> None:
    path = next((root / "store").glob("keypoint-*.npy"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(AnnotationError, match="is damaged"):
        check_folder(EMBEDDED, root)
    with pytest.raises(InputError, match="draw it with: epam-data synth"):
        check_folder(EMBEDDED, root / "none")
