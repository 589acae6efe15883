import numpy as np
import pytest
from numpy.typing import NDArray

from epam.data.person_box import crop_frames, crop_keypoints, person_box
from epam.errors import InputError

FULL_HD = (1080, 1920)
VGA = (480, 640)

# Case → frame, x range, y range, multimodal box, size of the pose-only box, first joint in it;
# obtained by running the published code.
CASES = {
    "centre": (FULL_HD, (800, 1000), (300, 800), (587, 237, 1212, 862), (625, 625), (213, 63)),
    "left edge": (FULL_HD, (10, 200), (300, 900), (0, 225, 480, 975), (750, 750), (280, 75)),
    "wide": (FULL_HD, (100, 1800), (500, 700), (0, 0, 1920, 1080), (2124, 2124), (212, 962)),
    "tiny": (FULL_HD, (800, 805), (300, 800), (0, 0, 1920, 1080), (1080, 1920), (800, 300)),
    "corner": (FULL_HD, (1700, 1915), (600, 1075), (1510, 540, 1920, 1080), (594, 594), (190, 60)),
    "toyota": (VGA, (50, 120), (100, 400), (0, 62, 272, 437), (375, 374), (152, 38)),
}


def two_joints(x: tuple[float, float], y: tuple[float, float]) -> NDArray[np.float32]:
    """One person, one frame, two joints that span the ranges."""
    return np.array(list(zip(x, y, strict=True)), dtype=np.float32)[None, None]


@pytest.mark.parametrize("case", CASES)
def test_the_box_is_the_published_multimodal_one(case: str) -> None:
    image_size, x, y, box, _, _ = CASES[case]
    assert person_box(two_joints(x, y), image_size) == box


@pytest.mark.parametrize("case", CASES)
def test_an_unclipped_box_is_the_published_pose_only_one(case: str) -> None:
    image_size, x, y, _, (height, width), first_joint = CASES[case]
    box = person_box(two_joints(x, y), image_size, clip_to_image=False)
    assert (box[3] - box[1], box[2] - box[0]) == (height, width)
    moved = crop_keypoints(two_joints(x, y), box, height=height, width=width)
    assert tuple(moved[0, 0, 0]) == first_joint


def test_the_box_holds_every_person_in_every_frame() -> None:
    keypoints = np.zeros((2, 2, 1, 2))
    keypoints[0, :, 0] = (100, 100), (140, 120)
    keypoints[1, 1, 0] = (200, 200)
    assert person_box(keypoints, (400, 400), padding=0) == (100, 100, 200, 200)


def test_a_zero_coordinate_is_no_joint_but_the_other_axis_counts() -> None:
    keypoints = two_joints((100, 200), (100, 200))
    with_half_a_joint = np.concatenate([keypoints, np.array([[[[0, 300]]]])], axis=2)
    # y spans 100–300, x still 100–200: a square of 200 around (150, 200).
    assert person_box(with_half_a_joint, (400, 400), padding=0) == (50, 100, 250, 300)


@pytest.mark.parametrize("defect", [np.nan, np.inf, -np.inf, 1e30])
def test_a_coordinate_that_is_no_number_of_pixels_does_not_count(defect: float) -> None:
    keypoints = two_joints((100, 200), (100, 200))
    broken = np.concatenate([keypoints, np.full((1, 1, 1, 2), defect)], axis=2)
    assert person_box(broken, (400, 400)) == person_box(keypoints, (400, 400))


@pytest.mark.parametrize("persons", [0, 1])
@pytest.mark.parametrize("clip_to_image", [True, False])
def test_nobody_gives_the_whole_image(persons: int, clip_to_image: bool) -> None:
    keypoints = np.zeros((persons, 5, 17, 2))
    assert person_box(keypoints, VGA, clip_to_image=clip_to_image) == (0, 0, 640, 480)


def test_an_extent_of_the_threshold_is_believed_and_less_is_not() -> None:
    assert person_box(two_joints((100, 110), (100, 110)), VGA, padding=0) == (100, 100, 110, 110)
    assert person_box(two_joints((100, 109), (100, 110)), VGA, padding=0) == (0, 0, 640, 480)
    assert person_box(two_joints((100, 109), (100, 110)), VGA, padding=0, threshold=5) == (99, 100, 109, 110)


@pytest.mark.parametrize("x", [(3000, 3200), (-900, -700)])
def test_people_outside_the_image_give_the_whole_image(x: tuple[float, float]) -> None:
    assert person_box(two_joints(x, (100, 300)), VGA) == (0, 0, 640, 480)


def test_half_precision_keypoints_give_the_same_box() -> None:
    keypoints = two_joints((800, 1000), (300, 800))
    assert person_box(keypoints.astype(np.float16), FULL_HD) == (587, 237, 1212, 862)


@pytest.mark.parametrize("shape", [(1, 5, 17), (1, 5, 17, 3), (5, 17, 2)])
def test_keypoints_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"expected \(persons, frames, joints, 2\)"):
        person_box(np.zeros(shape), VGA)


def test_an_image_without_pixels_is_refused() -> None:
    with pytest.raises(InputError, match="image size is 0 × 640"):
        person_box(two_joints((100, 200), (100, 200)), (0, 640))


def test_cropped_keypoints_are_shifted_then_stretched() -> None:
    moved = crop_keypoints([[[[30, 25], [10, 5]]]], (10, 5, 50, 25), height=10, width=80)
    assert moved[0, 0].tolist() == [[40, 10], [0, 0]]


def test_absent_coordinates_stay_at_zero_when_cropped() -> None:
    moved = crop_keypoints([[[[0, 25], [np.nan, 5], [0, 0]]]], (10, 5, 50, 25), height=20, width=40)
    assert moved[0, 0].tolist() == [[0, 20], [0, 0], [0, 0]]


def test_a_crop_of_its_own_size_is_the_pixels_themselves() -> None:
    frames = np.arange(2 * 6 * 8 * 3, dtype=np.uint8).reshape(2, 6, 8, 3)
    cut = crop_frames(frames, (2, 1, 6, 5), side=4)
    assert (cut == frames[:, 1:5, 2:6]).all()


def test_halving_averages_two_by_two_pixels_and_rounds_half_up() -> None:
    frame = np.array([[0, 1, 10, 20], [0, 1, 30, 41]], dtype=np.uint8)
    frames = np.repeat(np.vstack([frame, frame])[None, ..., None], 3, axis=-1)
    # (0+1+0+1)/4 = 0.5 → 1; (10+20+30+41)/4 = 25.25 → 25
    assert crop_frames(frames, (0, 0, 4, 4), side=2)[0, :, :, 0].tolist() == [[1, 25], [1, 25]]


def test_enlarging_takes_pixel_centres_at_halves() -> None:
    frames = np.repeat(np.array([[0, 100], [0, 100]], dtype=np.uint8)[None, ..., None], 3, axis=-1)
    assert crop_frames(frames, (0, 0, 2, 2), side=4)[0, 0, :, 0].tolist() == [0, 25, 75, 100]


def test_a_box_that_is_not_square_is_stretched() -> None:
    frames = np.zeros((1, 4, 8, 3), dtype=np.uint8)
    frames[:, :, 4:] = 200
    cut = crop_frames(frames, (0, 0, 8, 4), side=4)
    assert cut[0, :, :, 1].tolist() == [[0, 0, 200, 200]] * 4
