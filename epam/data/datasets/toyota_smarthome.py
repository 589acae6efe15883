"""Toyota Smarthome (trimmed): names, splitting rules, video lists, and counts of every class.

The data set's official CS training set is what the lists here part into training and validation:
11 performers, 10,592 samples.
"""

from __future__ import annotations

import re
from pathlib import Path

from epam.data.datasets.protocol import Dataset, Part, Protocol, SampleName
from epam.data.datasets.split_lists import ListedSample, read_split_list
from epam.errors import AnnotationError, InputError, printable

TRAINING_PERFORMERS = frozenset({3, 4, 6, 7, 9, 12, 13, 15, 17})
VALIDATION_PERFORMERS = frozenset({19, 25})
TEST_PERFORMERS = frozenset({2, 10, 11, 14, 16, 18, 20})

_NAME = re.compile(r"([A-Z][A-Za-z]*(?:\.[A-Z][A-Za-z]*)?)_p(\d{2})_r(\d{2})_v(\d{2})_c(\d{2})", re.ASCII)
_LAST_CAMERA = 7
_CV_CAMERAS: dict[str, dict[int, Part]] = {
    "cv1": {1: "train", 5: "val", 2: "test"},
    "cv2": {1: "train", 3: "train", 4: "train", 6: "train", 7: "train", 5: "val", 2: "test"},
}


def parse_name(sample: str) -> SampleName:
    """Read ``Class[.Sub]_pPP_rRR_vVV_cCC``: class, performer, repetition, video, camera.

    The label is left open: it is the class's alphabetical rank, which depends on the protocol.

    >>> parse_name("Cook.Stir_p03_r00_v10_c02").class_name
    'Cook.Stir'

    Raises:
        AnnotationError: it isn't such a name, or its performer or camera is not one of the data set's.
    """
    match = _NAME.fullmatch(sample)
    if match is None:
        raise AnnotationError(
            f"sample {printable(sample)!r} is not named as Toyota Smarthome names its own, "
            "like Cook.Stir_p03_r00_v10_c02"
        )
    class_name, *numbers = match.groups()
    performer, repetition, recording, camera = map(int, numbers)
    if performer not in TRAINING_PERFORMERS | VALIDATION_PERFORMERS | TEST_PERFORMERS:
        raise AnnotationError(f"sample {sample!r}: performer {performer} is not in Toyota Smarthome")
    if not 1 <= camera <= _LAST_CAMERA:
        raise AnnotationError(f"sample {sample!r}: camera {camera} is not in Toyota Smarthome, 1 to 7 are")
    return SampleName(
        sample=sample,
        class_name=class_name,
        performer=performer,
        repetition=repetition,
        recording=recording,
        camera=camera,
    )


def part_by_performer(sample: str) -> Part:
    """CS: 9 performers train, 2 validate, 7 test."""
    performer = parse_name(sample).performer
    if performer in TEST_PERFORMERS:
        return "test"
    return "val" if performer in VALIDATION_PERFORMERS else "train"


def part_by_camera_cv1(sample: str) -> Part:
    """CV1: camera 1 trains, 5 validates, 2 tests; the others are not used."""
    return _part_by_camera(sample, "cv1")


def part_by_camera_cv2(sample: str) -> Part:
    """CV2: cameras 1, 3, 4, 6 and 7 train, 5 validates, 2 tests."""
    return _part_by_camera(sample, "cv2")


def _part_by_camera(sample: str, protocol: str) -> Part:
    camera = parse_name(sample).camera
    cameras = _CV_CAMERAS[protocol]
    if camera is None or camera not in cameras:
        used = ", ".join(map(str, sorted(cameras)))
        raise AnnotationError(
            f"sample {sample!r}: camera {camera} is not part of {protocol}, which uses {used}"
        )
    return cameras[camera]


def label_of(sample: str, protocol: Protocol) -> int:
    """The class index that a sample has in a protocol: its class name's alphabetical rank there.

    Raises:
        AnnotationError: the name is malformed, or its class is not one of the protocol's.
    """
    class_name = parse_name(sample).class_name
    if class_name not in protocol.class_names:
        raise AnnotationError(
            f"sample {sample!r}: class {class_name} is none of the {protocol.num_classes} of {protocol.name}"
        )
    return protocol.class_names.index(class_name)


def read_video_list(path: Path, *, protocol: str | None = None) -> tuple[ListedSample, ...]:
    """Read one of the lists ``{train,validation,test}_{CS,CV2}.txt``, in its order.

    Args:
        path: the list, a line ``<sample>.mp4 <label>`` for each.
        protocol: the name of the protocol that numbers the classes; none: the file's name ends in it.

    Raises:
        AnnotationError: the list cannot be read, a name is malformed, or a label is not the rank of
            its class in the protocol.
        InputError: no protocol is given, and the file's name doesn't end in one.
        UnknownNameError: no such protocol.
    """
    chosen = TOYOTA_SMARTHOME.protocol(protocol or _protocol_in_name(path))
    samples = read_split_list(path, endings=TOYOTA_SMARTHOME.video_endings)
    for sample, label in samples:
        rank = label_of(sample, chosen)
        if label != rank:
            raise AnnotationError(
                f"{path}: sample {sample} has label {label}, its class is number {rank} of {chosen.name}; "
                "is it another protocol's list?"
            )
    return samples


def _protocol_in_name(path: Path) -> str:
    ending = path.stem.rpartition("_")[2].lower()
    names = [protocol.name for protocol in TOYOTA_SMARTHOME.protocols]
    if ending not in names:
        raise InputError(f"{path}: its name does not end in a protocol; say which: {', '.join(names)}")
    return ending


_SOURCE = "counted in the lists that EPAM-Net's repository ships"

# Samples of each class, in the order of the classes.
_CS_TRAIN = (
    *(225, 253, 92, 297, 78, 23, 208, 171, 1063, 40, 333, 137, 281, 438, 79, 286),
    *(35, 40, 37, 30, 112, 34, 69, 475, 560, 177, 184, 34, 250, 2311, 409),
)
_CS_VAL = (
    *(20, 19, 17, 80, 0, 2, 0, 35, 359, 19, 31, 24, 29, 78, 36, 20),
    *(8, 8, 9, 6, 60, 2, 9, 133, 117, 29, 34, 0, 53, 521, 73),
)
_CS_TEST = (
    *(119, 107, 67, 199, 18, 20, 132, 119, 709, 6, 253, 51, 133, 317, 65, 104),
    *(21, 24, 16, 20, 104, 23, 28, 334, 439, 137, 178, 15, 147, 1237, 230),
)
_CV2_TRAIN = (24, 160, 179, 1293, 43, 360, 163, 334, 425, 306, 166, 39, 473, 568, 185, 214, 28, 252, 2473)
_CV_VAL = (0, 129, 104, 520, 12, 0, 21, 98, 272, 90, 71, 6, 302, 355, 117, 130, 15, 139, 1154)
_CV_TEST = (21, 51, 42, 318, 10, 257, 28, 11, 136, 14, 39, 14, 167, 193, 41, 52, 6, 59, 442)

TOYOTA_SMARTHOME = Dataset(
    name="toyota_smarthome",
    title="Toyota Smarthome (trimmed)",
    source="Das et al., ICCV 2019; class index: the name's alphabetical rank within the protocol",
    parse_name=parse_name,
    video_endings=(".mp4",),
    protocols=(
        Protocol(
            name="cs",
            title="CS",
            num_classes=31,
            class_file="toyota_smarthome_cs.txt",
            split_names={
                "train": ("cs_train", "train_CS"),
                "val": ("cs_val", "cs_validation", "validation_CS"),
                "test": ("cs_test", "test_CS"),
            },
            part_rule=part_by_performer,
            expected_counts={"train": 8_761, "val": 1_831, "test": 5_372},
            class_counts={"train": _CS_TRAIN, "val": _CS_VAL, "test": _CS_TEST},
            source=_SOURCE,
        ),
        Protocol(
            name="cv1",
            title="CV1",
            num_classes=19,
            class_file="toyota_smarthome_cv.txt",
            split_names={
                "train": ("cv1_train", "train_CV1"),
                "val": ("cv1_val", "cv1_validation", "validation_CV1"),
                "test": ("cv1_test", "test_CV1"),
            },
            part_rule=part_by_camera_cv1,
            expected_counts={"train": 1_877, "val": 3_535, "test": 1_901},
            class_counts={"val": _CV_VAL, "test": _CV_TEST},
            source=f"{_SOURCE}; training: all samples of camera 1",
        ),
        Protocol(
            name="cv2",
            title="CV2",
            num_classes=19,
            class_file="toyota_smarthome_cv.txt",
            split_names={
                "train": ("cv2_train", "train_CV2"),
                "val": ("cv2_val", "cv2_validation", "validation_CV2"),
                "test": ("cv2_test", "test_CV2"),
            },
            part_rule=part_by_camera_cv2,
            expected_counts={"train": 7_685, "val": 3_535, "test": 1_901},
            class_counts={"train": _CV2_TRAIN, "val": _CV_VAL, "test": _CV_TEST},
            source=_SOURCE,
        ),
    ),
)
