import pytest

from epam.data.datasets import get_dataset
from epam.data.synthetic.sample_names import MOST_SAMPLES_PER_CLASS, choose_names
from epam.errors import InputError

DATASET = get_dataset("embedded")


def test_names_are_ntus_and_tell_the_class() -> None:
    names = list(choose_names([0, 11], 2))
    assert [name[-4:] for name in names] == ["A001", "A001", "A012", "A012"]
    assert DATASET.parse_name is not None
    assert [DATASET.parse_name(name).label for name in names] == [0, 0, 11, 11]


@pytest.mark.parametrize("protocol", ["xsub", "xview"])
def test_two_samples_of_a_class_fill_both_parts(protocol: str) -> None:
    for action in range(12):
        parts = {DATASET.protocol(protocol).part_of(name) for name in choose_names([action], 2)}
        assert parts == {"train", "test"}


@pytest.mark.parametrize("protocol", ["xsub", "xview"])
def test_one_sample_in_three_is_for_the_test(protocol: str) -> None:
    parts = [DATASET.protocol(protocol).part_of(name) for name in choose_names(range(12), 48)]
    assert (parts.count("train"), parts.count("test")) == (384, 192)


def test_every_camera_sees_performers_of_both_parts() -> None:
    names = list(choose_names([4], 48))
    rule = DATASET.protocol("xsub").part_of
    assert {(name[4:8], rule(name)) for name in names} == {
        (camera, part) for camera in ("C001", "C002", "C003") for part in ("train", "test")
    }


def test_samples_of_a_class_show_all_performers_of_the_training_part() -> None:
    names = list(choose_names([0], 48))
    performers = {name[8:12] for name in names if DATASET.protocol("xsub").part_of(name) == "train"}
    assert len(performers) == 20


def test_a_larger_data_set_begins_with_the_smaller_one() -> None:
    assert list(choose_names([3], 50))[:7] == list(choose_names([3], 7))


def test_no_name_comes_up_twice_however_many() -> None:
    names = list(choose_names([5], MOST_SAMPLES_PER_CLASS))
    assert len(set(names)) == len(names) == 680


@pytest.mark.parametrize(
    ("actions", "samples", "message"),
    [
        ([12], 1, "action 12 cannot be drawn; 0 to 11 can"),
        ([-1], 1, "action -1 cannot"),
        ([], 1, r"actions are \[\]"),
        ([3, 3], 1, r"actions are \[3, 3\]; name at least one, each once"),
        ([0], 0, "samples_per_class is 0"),
        ([0], 681, "1 to 680 can be named"),
    ],
)
def test_what_cannot_be_named_is_refused(actions: list[int], samples: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(choose_names(actions, samples))
