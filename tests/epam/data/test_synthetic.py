import re
from pathlib import Path

import av
import numpy as np
import pytest

from epam.data.annotations import AnnotationFile, load_annotations
from epam.data.clip import prepare_clip
from epam.data.synthetic import SyntheticDataset, write_dataset
from epam.data.video import decode_frames
from epam.errors import InputError

TRAINING_PERFORMERS = {1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> SyntheticDataset:
    return write_dataset(tmp_path_factory.mktemp("synthetic"), samples_per_class=2)


@pytest.fixture(scope="module")
def annotations(dataset: SyntheticDataset) -> AnnotationFile:
    return load_annotations(dataset.annotations)


def test_every_sample_is_annotated_filmed_and_cropped(
    dataset: SyntheticDataset, annotations: AnnotationFile
) -> None:
    assert [annotation.frame_dir for annotation in annotations] == list(dataset.samples)
    assert not annotations.problems
    for folder in (dataset.crops, dataset.videos):
        assert {path.name for path in folder.iterdir()} == {f"{name}_rgb.mp4" for name in dataset.samples}


def test_names_and_labels_are_ntus(annotations: AnnotationFile) -> None:
    for annotation in annotations:
        match = re.fullmatch(r"S\d{3}C00[123]P\d{3}R00[12]A(\d{3})", annotation.frame_dir)
        assert match
        assert annotation.label == int(match[1]) - 1
    # Hand waving, jump up, handshaking; only the last has two people.
    assert sorted({annotation.label for annotation in annotations}) == [22, 26, 57]
    assert {len(a.keypoint) for a in annotations if a.label == 57} == {2}
    assert {len(a.keypoint) for a in annotations if a.label != 57} == {1}


def test_splits_follow_ntus_rules(annotations: AnnotationFile) -> None:
    for name in (annotation.frame_dir for annotation in annotations):
        trains = int(name[9:12]) in TRAINING_PERFORMERS
        seen_from_front = name[4:8] == "C001"
        assert (name in annotations.splits["xsub_train"]) == trains
        assert (name in annotations.splits["xsub_val"]) == (not trains)
        assert (name in annotations.splits["xview_val"]) == seen_from_front
        assert (name in annotations.splits["xview_train"]) == (not seen_from_front)


def test_two_samples_a_class_fill_every_split_with_every_class(annotations: AnnotationFile) -> None:
    for members in annotations.splits.values():
        assert len({name[-4:] for name in members}) == 3


def test_the_plain_lists_are_the_splits(dataset: SyntheticDataset, annotations: AnnotationFile) -> None:
    for split, path in dataset.lists.items():
        listed = load_annotations(path)
        assert not listed.splits
        assert tuple(annotation.frame_dir for annotation in listed) == annotations.splits[split]


def test_keypoints_are_half_precision_inside_the_picture(annotations: AnnotationFile) -> None:
    for annotation in annotations:
        assert annotation.keypoint.dtype == annotation.keypoint_score.dtype == np.float16
        height, width = annotation.img_shape
        assert (annotation.keypoint > 0).all()
        assert (annotation.keypoint < (width, height)).all()
        assert 40 <= annotation.total_frames <= 110
        assert annotation.keypoint_score.min() > 0
        assert annotation.keypoint_score.max() < 1


def test_videos_are_h264_as_long_as_annotated(dataset: SyntheticDataset, annotations: AnnotationFile) -> None:
    for annotation in annotations:
        for folder, size in ((dataset.crops, (224, 224)), (dataset.videos, annotation.img_shape)):
            path = folder / f"{annotation.frame_dir}_rgb.mp4"
            with av.open(str(path)) as container:
                stream = container.streams.video[0]
                assert stream.codec_context.name == "h264"
                assert (stream.height, stream.width) == size
            assert decode_frames(path, np.array([0])).frame_count == annotation.total_frames


def test_hands_are_where_the_keypoints_say(dataset: SyntheticDataset, annotations: AnnotationFile) -> None:
    # Skin is the only colour here whose red is far above its blue.
    annotation = annotations[0]
    indices = np.arange(0, annotation.total_frames, 10)
    frames = decode_frames(dataset.videos / f"{annotation.frame_dir}_rgb.mp4", indices).frames
    for frame, wrist in zip(frames, annotation.keypoint[0, indices, 10], strict=True):
        x, y = wrist.astype(float).round().astype(int)
        red, _, blue = frame[y, x].astype(int)
        assert red - blue > 40


def test_a_crop_shows_what_cropping_the_full_frame_shows(
    dataset: SyntheticDataset, annotations: AnnotationFile
) -> None:
    annotation = annotations[0]
    name = f"{annotation.frame_dir}_rgb.mp4"
    offline = prepare_clip(annotation, dataset.crops / name).rgb
    cropped = prepare_clip(annotation, dataset.videos / name).rgb
    assert (offline - cropped).abs().mean() < 0.1  # two encodings of the same pixels


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    def contents(folder: str, seed: int) -> dict[str, bytes]:
        root = tmp_path / folder
        write_dataset(root, classes=1, samples_per_class=1, seed=seed)
        return {
            str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.*") if path.is_file()
        }

    once, again, other = contents("once", 3), contents("again", 3), contents("other", 4)
    assert once == again
    assert once.keys() == other.keys()
    assert all(once[name] != other[name] for name in once if name.endswith("mp4"))


def test_nothing_unfinished_is_left_behind(dataset: SyntheticDataset) -> None:
    assert not [path for path in dataset.annotations.parent.rglob("*") if path.name.startswith(".")]


def test_each_sample_is_reported_as_it_is_done(tmp_path: Path) -> None:
    done: list[str] = []
    written = write_dataset(tmp_path, classes=1, samples_per_class=1, on_sample=done.append)
    assert tuple(done) == written.samples


@pytest.mark.parametrize(
    ("classes", "samples", "message"),
    [
        (0, 1, "classes is 0"),
        (99, 1, "classes is 99"),
        (1, 0, "samples_per_class is 0"),
        (1, 10**6, "can be named"),
    ],
)
def test_numbers_that_cannot_be_made_are_refused_before_writing(
    tmp_path: Path, classes: int, samples: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        write_dataset(tmp_path / "new", classes=classes, samples_per_class=samples)
    assert not (tmp_path / "new").exists()


def test_a_file_is_not_a_folder_to_write_to(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(InputError, match="taken: is a file"):
        write_dataset(tmp_path / "taken")
