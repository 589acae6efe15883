"""NTU RGB+D and NTU RGB+D 120: names, splitting rules and published counts."""

from __future__ import annotations

import re

from epam.data.datasets.protocol import Dataset, Part, Protocol, SampleName
from epam.errors import AnnotationError, printable

TRAINING_PERFORMERS = frozenset({1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38})
"""NTU RGB+D X-Sub's (Shahroudy et al., CVPR 2016, section 3.2.1); the other 20 of 40 are for the test."""

TRAINING_PERFORMERS_120 = TRAINING_PERFORMERS | {
    *(45, 46, 47, 49, 50, 52, 53, 54, 55, 56, 57, 58, 59, 70, 74, 78, 80, 81, 82, 83, 84, 85, 86, 89),
    *(91, 92, 93, 94, 95, 97, 98, 100, 103),
}
"""NTU RGB+D 120 X-Sub's (Liu et al., TPAMI 2020, section 3.2.1); the other 53 of 106 are for the test."""

TEST_CAMERA = 1
"""X-View's; cameras 2 and 3 are for training."""

_NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})", re.ASCII)
_LARGEST = (32, 3, 106, 2, 120)
_LARGEST_60 = (17, 3, 40, 2, 60)

# Crops and raw videos end in "_rgb"; others' copies, as PYSKL's, do not.
_VIDEO_ENDINGS = ("_rgb.mp4", "_rgb.avi", ".mp4", ".avi")
_RULE_SOURCE = "MMAction2 gen_ntu_rgbd_raw.py and PYSKL ntu_preproc.py agree on the rule"
_COUNT_SOURCE = "counts without missing skeletons: the data set's lists of 302 and 535 such samples"


def parse_name(sample: str) -> SampleName:
    """Read ``SsssCccPpppRrrrAaaa``: setup, camera, performer, replication, action.

    >>> parse_name("S001C002P003R002A023").label
    22

    Raises:
        AnnotationError: it isn't such a name, or a number is beyond NTU RGB+D 120's.
    """
    return _parse(sample, _LARGEST, "NTU RGB+D 120")


def parse_name_60(sample: str) -> SampleName:
    """Read a name of the first 60 classes, see ``parse_name``.

    Raises:
        AnnotationError: it isn't such a name, or a number is beyond NTU RGB+D's.
    """
    return _parse(sample, _LARGEST_60, "NTU RGB+D")


def _parse(sample: str, largest: tuple[int, ...], title: str) -> SampleName:
    match = _NAME.fullmatch(sample)
    if match is None:
        raise AnnotationError(
            f"sample {printable(sample)!r} is not named as {title} names its own, like S001C001P001R001A001"
        )
    numbers = tuple(map(int, match.groups()))
    for letter, number, last in zip("SCPRA", numbers, largest, strict=True):
        if not 1 <= number <= last:
            raise AnnotationError(
                f"sample {sample!r}: {letter}{number:03} is not in {title}, 1 to {last} are"
            )
    setup, camera, performer, repetition, action = numbers
    return SampleName(
        sample=sample,
        label=action - 1,
        setup=setup,
        camera=camera,
        performer=performer,
        repetition=repetition,
    )


def part_by_performer(sample: str) -> Part:
    """NTU RGB+D X-Sub: 20 performers train, the other 20 test."""
    return "train" if parse_name_60(sample).performer in TRAINING_PERFORMERS else "test"


def part_by_camera(sample: str) -> Part:
    """NTU RGB+D X-View: cameras 2 and 3 train, camera 1 tests."""
    return "test" if parse_name_60(sample).camera == TEST_CAMERA else "train"


def part_by_performer_120(sample: str) -> Part:
    """NTU RGB+D 120 X-Sub: 53 performers train, the other 53 test."""
    return "train" if parse_name(sample).performer in TRAINING_PERFORMERS_120 else "test"


def part_by_setup(sample: str) -> Part:
    """NTU RGB+D 120 X-Set: even setups train, odd ones test."""
    setup = parse_name(sample).setup
    return "train" if setup is not None and setup % 2 == 0 else "test"


NTU60 = Dataset(
    name="ntu60",
    title="NTU RGB+D",
    source="Shahroudy et al., CVPR 2016; class list: the first 60 of NTU RGB+D 120's",
    parse_name=parse_name_60,
    video_endings=_VIDEO_ENDINGS,
    protocols=(
        Protocol(
            name="xsub",
            title="X-Sub",
            num_classes=60,
            class_file="ntu120.txt",
            # The released files' "val" is the test part; a file that has both means its own by "val".
            split_names={"train": ("xsub_train",), "test": ("xsub_test", "xsub_val")},
            part_rule=part_by_performer,
            expected_counts={"train": 40_320, "test": 16_560},
            counts_without_missing={"train": 40_091, "test": 16_487},
            source=f"{_RULE_SOURCE}; {_COUNT_SOURCE}",
        ),
        Protocol(
            name="xview",
            title="X-View",
            num_classes=60,
            class_file="ntu120.txt",
            split_names={"train": ("xview_train",), "test": ("xview_test", "xview_val")},
            part_rule=part_by_camera,
            expected_counts={"train": 37_920, "test": 18_960},
            counts_without_missing={"train": 37_646, "test": 18_932},
            source=f"{_RULE_SOURCE}; {_COUNT_SOURCE}",
        ),
    ),
)

NTU120 = Dataset(
    name="ntu120",
    title="NTU RGB+D 120",
    source="Liu et al., TPAMI 2020; class list: pyskl tools/data/label_map/nturgbd_120.txt",
    parse_name=parse_name,
    video_endings=_VIDEO_ENDINGS,
    protocols=(
        Protocol(
            name="xsub",
            title="X-Sub",
            num_classes=120,
            class_file="ntu120.txt",
            split_names={"train": ("xsub_train",), "test": ("xsub_test", "xsub_val")},
            part_rule=part_by_performer_120,
            expected_counts={"train": 63_360, "test": 51_120},
            counts_without_missing={"train": 63_026, "test": 50_919},
            source=f"{_RULE_SOURCE}; {_COUNT_SOURCE}",
        ),
        Protocol(
            name="xset",
            title="X-Set",
            num_classes=120,
            class_file="ntu120.txt",
            split_names={"train": ("xset_train",), "test": ("xset_test", "xset_val")},
            part_rule=part_by_setup,
            expected_counts={"train": 54_720, "test": 59_760},
            counts_without_missing={"train": 54_468, "test": 59_477},
            source=f"{_RULE_SOURCE}; {_COUNT_SOURCE}",
        ),
    ),
)
