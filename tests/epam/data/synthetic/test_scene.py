from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from numpy.typing import NDArray

from epam.data.datasets import SampleName, get_dataset
from epam.data.person_box import crop_frames, person_box
from epam.data.synthetic.actions import ACTIONS
from epam.data.synthetic.sample_names import choose_names
from epam.data.synthetic.scene import Scene, stage
from epam.data.synthetic.surroundings import IMAGE_SIZE


def parse(name: str) -> SampleName:
    parse_name = get_dataset("embedded").parse_name
    assert parse_name is not None
    return parse_name(name)


def crop_of(scene: Scene) -> tuple[int, int, int, int]:
    return person_box(scene.keypoint, IMAGE_SIZE)


@pytest.fixture(scope="module")
def scenes() -> dict[str, Scene]:
    return {name: stage(parse(name), seed=0) for name in choose_names(range(12), 16)}


def test_a_scene_follows_from_its_name_and_the_seed() -> None:
    name = parse("S001C002P003R001A005")
    once, again, other = stage(name, 1), stage(name, 1), stage(name, 2)
    np.testing.assert_array_equal(once.keypoint, again.keypoint)
    frames = [next(scene.film((0, 0, 640, 360), (90, 160))) for scene in (once, again, other)]
    np.testing.assert_array_equal(frames[0], frames[1])
    assert (frames[0] != frames[2]).mean() > 0.5


def test_a_performer_keeps_skin_and_hair_and_changes_clothes() -> None:
    one, other = (stage(parse(f"S001C001P007R001A00{action}"), 0).people[0].look for action in (1, 2))
    assert (one.skin, one.hair, one.girth) == (other.skin, other.hair, other.girth)
    assert one.shirt != other.shirt


def test_keypoints_lie_inside_the_image_or_are_zero(scenes: dict[str, Scene]) -> None:
    height, width = IMAGE_SIZE
    for scene in scenes.values():
        there = scene.keypoint[scene.keypoint_score > 0]
        assert np.all((there >= 1) & (there <= (width - 1, height - 1)))
        assert np.all(scene.keypoint[scene.keypoint_score == 0] == 0)
        assert scene.keypoint.shape == (len(scene.people), scene.frame_count, 17, 2)


def test_clips_are_as_long_as_each_rule_of_frame_sampling_needs(scenes: dict[str, Scene]) -> None:
    lengths = [scene.frame_count for scene in scenes.values()]
    assert 40 <= min(lengths) < 48
    assert 96 < max(lengths) <= 110


def test_the_crop_of_nearly_every_sample_is_a_square_filled_by_the_people(scenes: dict[str, Scene]) -> None:
    sides = np.array([(x2 - x1, y2 - y1) for x1, y1, x2, y2 in map(crop_of, scenes.values())])
    assert (np.abs(sides[:, 0] - sides[:, 1]) <= 1).mean() > 0.95
    assert np.all(sides > 0.7 * IMAGE_SIZE[0])


def test_one_sample_in_ten_shows_two_people(scenes: dict[str, Scene]) -> None:
    accompanied = np.mean([len(scene.people) == 2 for scene in scenes.values()])
    assert 0.04 < accompanied < 0.17


def test_chairs_stand_behind_whoever_sits_and_now_and_then_behind_others(scenes: dict[str, Scene]) -> None:
    chairs: dict[bool, list[bool]] = {True: [], False: []}
    for name, scene in scenes.items():
        chairs[ACTIONS[parse(name).label or 0].on_chair].append(scene.chair is not None)
    assert all(chairs[True])
    assert 0.12 < np.mean(chairs[False]) < 0.4


def test_filming_the_crop_is_filming_all_and_cropping() -> None:
    scene = stage(parse("S002C003P005R001A009"), 0)
    box = crop_of(scene)
    direct = next(scene.film(box, (224, 224)))
    cut = crop_frames(next(film_whole(scene))[None], box, side=224)[0]
    difference = np.abs(direct.astype(int) - cut).max(axis=-1)
    assert difference.mean() < 3
    assert np.median(difference) <= 1


def film_whole(scene: Scene) -> Iterator[NDArray[np.uint8]]:
    height, width = IMAGE_SIZE
    return scene.film((0, 0, width, height), IMAGE_SIZE)


@pytest.mark.parametrize("label", [4, 5, 6, 7])
def test_nothing_ever_hides_the_thing_in_the_hand(label: int, scenes: dict[str, Scene]) -> None:
    scene = next(scene for name, scene in scenes.items() if parse(name).label == label)
    assert scene.held is not None
    without_thing = film_whole(replace(scene, held=None))
    for hand, frame, without in zip(scene.held.hands, film_whole(scene), without_thing, strict=True):
        shown = (frame != without).any(axis=-1)
        rows, columns = np.nonzero(shown)
        assert np.hypot(columns.mean() - hand[0], rows.mean() - hand[1]) < 0.4 * scene.held.size
        assert shown.sum() > 0.25 * scene.held.size**2


def test_the_thing_in_the_hand_is_a_dozen_pixels_of_a_crop_at_least(scenes: dict[str, Scene]) -> None:
    for scene in scenes.values():
        if scene.held is not None:
            x1, _, x2, _ = crop_of(scene)
            assert 224 * scene.held.size / (x2 - x1) > 12


def test_a_bare_hand_is_where_its_wrist_is_found() -> None:
    seen = 0
    for scene in (stage(parse(name), 0) for name in choose_names([0], 12)):
        person, frame = scene.people[0], scene.frame_count // 2
        if person.look.long_sleeves or scene.keypoint_score[0, frame, 10] < 0.8:
            continue
        picture = next(islice(film_whole(scene), frame, None))
        x, y = scene.keypoint[0, frame, 10].astype(float).round().astype(int)
        assert np.abs(picture[y, x] - np.array(person.look.skin)).max() < 0.3 * 255
        seen += 1
    assert seen >= 3


def test_length_and_company_can_be_asked_for() -> None:
    scene = stage(parse("S001C001P001R001A001"), 0, frame_count=20, person_count=4)
    assert scene.keypoint.shape == (4, 20, 17, 2)
    assert len(list(scene.film((0, 0, 640, 360), (36, 64)))) == 20
