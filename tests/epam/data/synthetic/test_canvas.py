import numpy as np
import pytest

from epam.data.person_box import crop_frames
from epam.data.synthetic.canvas import Canvas

WHITE = (255.0, 255.0, 255.0)


def canvas(side: int = 9) -> Canvas:
    return Canvas((0, 0, side, side), (side, side))


def red_of(painted: Canvas) -> list[list[int]]:
    return painted.to_frame()[..., 0].tolist()


def test_a_disc_covers_the_pixels_whose_centres_it_holds() -> None:
    painted = canvas(5)
    painted.capsule((2, 1), (2, 1), (0.5, 0.5), WHITE)
    assert red_of(painted) == [[0, 0, 0, 0, 0], [0, 0, 255, 0, 0], *[[0] * 5] * 3]


def test_a_capsule_covers_its_segment() -> None:
    painted = canvas(5)
    painted.capsule((1, 2), (3, 2), (0.5, 0.5), WHITE)
    assert red_of(painted)[2] == [0, 255, 255, 255, 0]


def test_a_capsule_runs_from_thick_to_thin() -> None:
    painted = canvas(21)
    painted.capsule((4, 10), (16, 10), (4, 1), WHITE)
    column = painted.to_frame()[..., 0].astype(int).sum(axis=0)
    assert column[4] > 2 * column[15]


def test_a_round_limb_is_darker_at_its_rim() -> None:
    painted = canvas(21)
    painted.capsule((10, 2), (10, 18), (6, 6), WHITE, round_=0.3)
    row = painted.to_frame()[10, :, 0].astype(int)
    assert row[10] > row[7] > row[5] > 255 * 0.6


@pytest.mark.parametrize("direction", [1, -1])
def test_a_polygon_is_filled_whichever_way_round_its_corners_go(direction: int) -> None:
    painted = canvas(5)
    painted.polygon([(0.5, 0.5), (3.5, 0.5), (3.5, 2.5), (0.5, 2.5)][::direction], WHITE)
    assert red_of(painted)[1:3] == [[0, 255, 255, 255, 0]] * 2
    assert np.sum(red_of(painted)) == 6 * 255


def test_a_margin_grows_a_polygon_even_a_flat_one() -> None:
    painted = canvas(5)
    painted.polygon([(1, 2), (3, 2), (3, 2), (1, 2)], WHITE, margin=1)
    assert np.sum(red_of(painted)) > 3 * 255


def test_what_lies_outside_is_not_painted() -> None:
    painted = canvas(5)
    painted.capsule((-20, -20), (-10, -10), (3, 3), WHITE)
    painted.capsule((20, 2), (30, 2), (3, 3), WHITE)
    painted.polygon([(1, 50), (3, 50), (3, 60)], WHITE)
    assert painted.to_frame().max() == 0


def test_half_a_covered_pixel_is_half_blended() -> None:
    painted = canvas(5)
    painted.polygon([(-1, -1), (2, -1), (2, 9), (-1, 9)], WHITE)
    assert red_of(painted)[0] == [255, 255, 128, 0, 0]


def test_painting_a_part_is_painting_all_and_cutting_it_out() -> None:
    box, shown = (20, 10, 120, 90), Canvas((20, 10, 120, 90), (50, 50))
    whole = Canvas((0, 0, 160, 100), (100, 160))
    for painted in (whole, shown):
        painted.capsule((40, 30), (90, 70), (12, 6), (200, 40, 40), round_=0.2)
        painted.polygon([(60, 15), (110, 25), (70, 60)], (30, 200, 90), margin=3)
    cut = crop_frames(whole.to_frame()[None], box, side=50)[0]
    # Only soft edges differ: they are a pixel wide, and the pixels are of two sizes.
    difference = np.abs(cut.astype(int) - shown.to_frame()).max(axis=-1)
    assert difference.mean() < 3
    assert (difference > 8).mean() < 0.1
