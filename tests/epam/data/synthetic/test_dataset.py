import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from epam.data.annotations import AnnotationFile, load_annotations
from epam.data.data_root import DataLocation, open_split
from epam.data.datasets import get_dataset
from epam.data.person_box import crop_frames, person_box
from epam.data.store import SkeletonStore
from epam.data.synthetic import SyntheticDataset, write_dataset
from epam.data.synthetic import dataset as dataset_module
from epam.data.video import decode_frames
from epam.errors import InputError

SMALL = {"actions": (0, 5), "samples_per_class": 2}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> SyntheticDataset:
    return write_dataset(
        tmp_path_factory.mktemp("embedded"), actions=(0, 5), samples_per_class=2, full_size=True
    )


@pytest.fixture(scope="module")
def annotations(dataset: SyntheticDataset) -> AnnotationFile:
    return load_annotations(dataset.annotations)


@pytest.fixture
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Videos of a byte, at once: for tests of which files are written, not of what is in them."""
    monkeypatch.setattr(dataset_module, "write_video", lambda path, frames, size: path.write_bytes(b"x"))
    monkeypatch.setattr(dataset_module, "_is_finished", lambda path, frame_count: path.exists())


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_every_sample_is_annotated_cropped_and_filmed(
    dataset: SyntheticDataset, annotations: AnnotationFile
) -> None:
    assert [annotation.frame_dir for annotation in annotations] == list(dataset.samples)
    assert [annotation.label for annotation in annotations] == [0, 0, 5, 5]
    assert not annotations.problems
    assert dataset.videos is not None
    for folder in (dataset.crops, dataset.videos):
        assert {path.name for path in folder.iterdir()} == {f"{name}_rgb.mp4" for name in dataset.samples}


def test_the_pickle_is_in_pyskls_layout(annotations: AnnotationFile) -> None:
    for annotation in annotations:
        assert annotation.img_shape == (360, 640)
        assert annotation.keypoint.dtype == annotation.keypoint_score.dtype == np.float16
        assert annotation.keypoint.shape[1:] == (annotation.total_frames, 17, 2)
        assert 40 <= annotation.total_frames <= 110


def test_splits_follow_the_data_sets_rules(annotations: AnnotationFile, dataset: SyntheticDataset) -> None:
    assert sorted(annotations.splits) == ["xsub_train", "xsub_val", "xview_train", "xview_val"]
    for protocol in get_dataset("embedded").protocols:
        train, test = (
            annotations.splits[protocol.find_split(part, annotations.splits)] for part in ("train", "test")
        )
        assert sorted(train + test) == sorted(dataset.samples)
        assert {protocol.part_of(name) for name in train} == {"train"}
        assert {protocol.part_of(name) for name in test} == {"test"}


def test_videos_are_h264_and_as_long_as_annotated(
    dataset: SyntheticDataset, annotations: AnnotationFile
) -> None:
    assert dataset.videos is not None
    for annotation in annotations:
        for folder, size in ((dataset.crops, (224, 224)), (dataset.videos, (360, 640))):
            path = folder / f"{annotation.frame_dir}_rgb.mp4"
            with av.open(str(path)) as container:
                stream = container.streams.video[0]
                assert stream.codec_context.name == "h264"
                assert (stream.height, stream.width) == size
                assert stream.average_rate == 30
            assert decode_frames(path, np.array([0])).frame_count == annotation.total_frames


def test_crops_are_the_full_frames_cut_by_the_keypoints(
    dataset: SyntheticDataset, annotations: AnnotationFile
) -> None:
    assert dataset.videos is not None
    indices = np.array([0, 20])
    for annotation in annotations:
        name = f"{annotation.frame_dir}_rgb.mp4"
        box = person_box(annotation.keypoint, annotation.img_shape)
        cut = crop_frames(decode_frames(dataset.videos / name, indices).frames, box, side=224)
        crop = decode_frames(dataset.crops / name, indices).frames
        assert np.abs(cut.astype(int) - crop).mean() < 6  # two encodings of the same pixels


def test_the_store_holds_the_pickle(dataset: SyntheticDataset, annotations: AnnotationFile) -> None:
    store = SkeletonStore.open(dataset.root / "store")
    assert store.dataset == "embedded"
    assert store.splits == annotations.splits
    assert [source.name for source in store.sources] == ["annotations.pkl"]
    for row, annotation in enumerate(annotations):
        stored = store.annotation(row)
        assert (stored.frame_dir, stored.label) == (annotation.frame_dir, annotation.label)
        np.testing.assert_array_equal(stored.keypoint, annotation.keypoint)
        np.testing.assert_array_equal(stored.keypoint_score, annotation.keypoint_score)


@pytest.mark.parametrize("protocol", ["xsub", "xview"])
def test_training_and_evaluation_find_their_parts_in_the_folder(
    dataset: SyntheticDataset, protocol: str
) -> None:
    location = DataLocation(dataset="embedded", protocol=protocol, root=dataset.root)
    for part in ("train", "test"):
        split = open_split(location, part, needs_videos=True)  # type: ignore[arg-type]
        assert len(split) == 2
        assert not split.problems
        assert all(split.find_video(row).is_file() for row in range(2))


def test_several_workers_write_the_same_bytes_as_one(tmp_path: Path, dataset: SyntheticDataset) -> None:
    reported: list[str] = []
    again = write_dataset(
        tmp_path,
        actions=(0, 5),
        samples_per_class=2,
        full_size=True,
        workers=2,
        on_sample=reported.append,
    )
    assert contents(tmp_path) == contents(dataset.root)
    assert sorted(reported) == sorted(again.samples)


def test_nothing_unfinished_is_left_behind(dataset: SyntheticDataset) -> None:
    assert not list(dataset.root.rglob(".*"))


def test_begun_again_it_draws_what_is_missing_or_cut_short_and_nothing_else(tmp_path: Path) -> None:
    written = write_dataset(tmp_path, actions=(0,), samples_per_class=3)
    before = contents(tmp_path)
    missing, cut, kept = (written.crops / f"{name}_rgb.mp4" for name in written.samples)
    missing.unlink()
    cut.write_bytes(cut.read_bytes()[:1000])
    written.annotations.unlink()
    old = kept.stat().st_mtime_ns
    write_dataset(tmp_path, actions=(0,), samples_per_class=3)
    assert contents(tmp_path) == before
    assert kept.stat().st_mtime_ns == old


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "whose seed is 0, not 1; name another folder, or --overwrite"),
        ({"samples_per_class": 3}, "whose samples_per_class is 2, not 3"),
        ({"actions": (0,)}, r"whose actions is \[0, 5\], not \[0\]"),
        ({"full_size": True}, "whose full_size is False, not True"),
    ],
)
@pytest.mark.usefixtures("no_drawing")
def test_a_data_set_of_other_arguments_is_not_touched(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    write_dataset(tmp_path, **SMALL)  # type: ignore[arg-type]
    before = contents(tmp_path)
    with pytest.raises(InputError, match=message):
        write_dataset(tmp_path, **{**SMALL, **change})  # type: ignore[arg-type]
    assert contents(tmp_path) == before


@pytest.mark.usefixtures("no_drawing")
def test_overwriting_removes_the_old_data_set_and_what_else_is_there_stays(tmp_path: Path) -> None:
    write_dataset(tmp_path, actions=(0, 5), samples_per_class=2)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "videos224" / "mine.mp4").write_text("mine")
    written = write_dataset(tmp_path, actions=(3,), samples_per_class=1, overwrite=True)
    videos = {path.name for path in written.crops.iterdir()}
    assert videos == {f"{written.samples[0]}_rgb.mp4", "mine.mp4"}
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert len(load_annotations(written.annotations)) == 1
    assert len(SkeletonStore.open(tmp_path / "store")) == 1


@pytest.mark.usefixtures("no_drawing")
def test_a_damaged_settings_file_is_another_data_sets(tmp_path: Path) -> None:
    write_dataset(tmp_path, **SMALL)  # type: ignore[arg-type]
    (tmp_path / "synth.json").write_text("[[[")
    with pytest.raises(InputError, match="whose version is None"):
        write_dataset(tmp_path, **SMALL)  # type: ignore[arg-type]


@pytest.mark.usefixtures("no_drawing")
def test_the_settings_are_the_arguments(tmp_path: Path) -> None:
    write_dataset(tmp_path, **SMALL, seed=7)  # type: ignore[arg-type]
    settings = json.loads((tmp_path / "synth.json").read_text())
    assert settings.pop("version") >= 1
    assert settings == {"seed": 7, "actions": [0, 5], "samples_per_class": 2, "full_size": False}


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds files that are not this data set's"):
        write_dataset(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_is_not_a_folder_to_write_to(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(InputError, match="taken: is a file"):
        write_dataset(tmp_path / "taken")


@pytest.mark.parametrize(
    "numbers", [{"samples_per_class": 0}, {"actions": (12,)}, {"seed": -1}, {"workers": 0}]
)
def test_numbers_that_cannot_be_drawn_are_refused_before_writing(
    tmp_path: Path, numbers: dict[str, object]
) -> None:
    with pytest.raises(InputError):
        write_dataset(tmp_path / "new", **numbers)  # type: ignore[arg-type]
    assert not (tmp_path / "new").exists()


def test_a_full_disk_is_told_and_leaves_no_annotations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(path: Path, frames: object, size: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(dataset_module, "write_video", fill)
    with pytest.raises(InputError, match=r"No space left on device.*goes on where it stopped"):
        write_dataset(tmp_path / "new", **SMALL)  # type: ignore[arg-type]
    assert not (tmp_path / "new" / "annotations.pkl").exists()
    assert not (tmp_path / "new" / "store").exists()


SCRIPT = """
import sys
from epam.data.synthetic import write_dataset
if __name__ == "__main__":
    done = lambda name: print(name, flush=True)
    write_dataset(sys.argv[1], samples_per_class=600, workers=2, on_sample=done)
"""


@pytest.fixture
def drawing(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """A program that draws with two workers, and its processes, once the first sample is done."""
    script = tmp_path / "draw.py"
    script.write_text(SCRIPT)
    program = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "set")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    workers: list[psutil.Process] = []
    try:
        assert program.stdout.readline()
        workers = psutil.Process(program.pid).children(recursive=True)
        yield program, workers
    finally:
        program.kill()
        for worker in workers:
            if worker.is_running():
                worker.kill()
        program.communicate(timeout=60)


def wait_until_gone(processes: list[psutil.Process], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]:
            return True
        time.sleep(0.1)
    return False


def test_workers_do_not_outlive_a_parent_that_is_killed(
    drawing: tuple[subprocess.Popen[str], list[psutil.Process]],
) -> None:
    program, workers = drawing
    assert len(workers) >= 2
    program.kill()
    assert wait_until_gone(workers)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_an_interrupt_stops_all_of_it_and_leaves_whole_files(
    tmp_path: Path, drawing: tuple[subprocess.Popen[str], list[psutil.Process]]
) -> None:
    program, workers = drawing
    program.send_signal(signal.SIGINT)
    program.communicate(timeout=60)
    assert wait_until_gone(workers)
    root = tmp_path / "set"
    assert not (root / "annotations.pkl").exists()
    videos = list((root / "videos224").iterdir())
    assert videos
    for video in videos:
        assert decode_frames(video, np.array([0])).frame_count >= 40
