"""One sample: who does what where, what is found of it, and what a camera films."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from epam.data.datasets import SampleName
from epam.data.person_box import Box
from epam.data.synthetic.actions import ACTIONS, Action, Held, stand_still, walk
from epam.data.synthetic.body import Floats, Proportions, mirror_joints, place_joints
from epam.data.synthetic.camera import Camera, turn
from epam.data.synthetic.canvas import Canvas, Colour
from epam.data.synthetic.colours import draw_colour
from epam.data.synthetic.figure import Look, draw_person, place_hand
from epam.data.synthetic.held_things import draw_held
from epam.data.synthetic.keypoint_noise import find_keypoints
from epam.data.synthetic.surroundings import IMAGE_SIZE, Movers, Room, chair_corners, draw_chair

FEWEST_FRAMES, MOST_FRAMES = 40, 110
"""Below and above 48 and 96, where frame sampling changes its rule."""

_PERFORMER, _SETUP, _SAMPLE = range(3)  # what a stream of chance is for

_LEFT_HANDED, _ACCOMPANIED, _CHAIR_BY_CHANCE = 0.35, 0.1, 0.25
_LEFT_WRIST, _RIGHT_WRIST = 9, 10
_PADDED = 1.25  # a person's box is that much larger than the person
_FOOT = 0.075


@dataclass(frozen=True, eq=False, kw_only=True)
class Person:
    """Somebody in a scene.

    Attributes:
        joints: ``(frames, 17, 2)``, in pixels.
        nearness: ``(frames, 17)``, the larger the nearer.
        forward: ``(2,)``, where the toes point to, in pixels.
        look: skin, hair and clothes.
    """

    joints: Floats
    nearness: Floats
    forward: Floats
    look: Look


@dataclass(frozen=True, eq=False, kw_only=True)
class _HeldThing:
    """What a hand holds: where, ``(frames, 2)`` in pixels, and its height, lean and brightness."""

    kind: Held
    hands: Floats
    size: float
    tilts: Floats
    brightness: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Scene:
    """A sample, ready to be filmed.

    Attributes:
        people: the performer first.
        unit: pixels of a body height.
        keypoint: ``(persons, frames, 17, 2)``, what is found of the people.
        keypoint_score: ``(persons, frames, 17)``.
        room: what is behind them.
        movers: what moves behind them.
        chair: ``(3, 4, 2)`` corners in pixels, and a colour.
        held: what the performer holds.
    """

    people: tuple[Person, ...]
    unit: float
    keypoint: NDArray[np.float16]
    keypoint_score: NDArray[np.float16]
    room: Room
    movers: Movers
    chair: tuple[Floats, Colour] | None
    held: _HeldThing | None

    @property
    def frame_count(self) -> int:
        """Frames of the video."""
        return self.keypoint.shape[1]

    def film(self, box: Box, size: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
        """Draw every frame, ``(height, width, 3)``, of a part of the image at some resolution."""
        canvas = Canvas(box, size)
        self.room.paint(canvas)
        if self.chair is not None:
            corners, colour = self.chair
            draw_chair(canvas, corners, unit=self.unit, colour=colour)
        still = canvas.pixels.copy()
        for frame in range(self.frame_count):
            canvas.fill(still)
            self._paint(canvas, frame)
            yield canvas.to_frame()

    def _paint(self, canvas: Canvas, frame: int) -> None:
        self.movers.paint(canvas, frame)
        for person in reversed(self.people):
            draw_person(
                canvas,
                person.joints[frame],
                person.nearness[frame],
                unit=self.unit,
                forward=person.forward,
                look=person.look,
            )
        if (held := self.held) is not None:
            # Last of all: nothing ever hides it.
            draw_held(
                canvas,
                held.kind,
                held.hands[frame],
                size=held.size,
                tilt=float(held.tilts[frame]),
                colour_factor=held.brightness,
            )


def stage(
    name: SampleName, seed: int, *, frame_count: int | None = None, person_count: int | None = None
) -> Scene:
    """Make up a sample; the same for the same arguments.

    A performer's body and face are the same in all their samples, and a setup's room seen by the
    same camera too; clothes, tempo, stance and everything else are a sample's own.

    Args:
        name: says who does what where.
        seed: of everything that is left to chance.
        frame_count: of the video; none: as chance has it.
        person_count: in the scene, the performer one of them; none: as chance has it.
    """
    assert name.label is not None
    assert name.camera is not None
    chance = _stream(seed, _SAMPLE, name.setup, name.camera, name.performer, name.repetition, name.label)
    action = ACTIONS[name.label]
    drawn_count = int(chance.integers(FEWEST_FRAMES, MOST_FRAMES + 1))
    frame_count = drawn_count if frame_count is None else frame_count
    camera = Camera.draw(name.camera, chance)
    left_handed = chance.uniform() < _LEFT_HANDED
    performer = _perform(action, frame_count, _stream(seed, _PERFORMER, name.performer), chance)
    cast = [replace(performer, joints=mirror_joints(performer.joints)) if left_handed else performer]
    companions = int(chance.uniform() < _ACCOMPANIED)
    for _ in range(companions if person_count is None else person_count - 1):
        cast.append(_accompany(frame_count, chance))
    layout = _Layout.draw(np.stack([camera.project(actor.joints)[0] for actor in cast]), chance)
    people = tuple(_film_actor(actor, camera, layout) for actor in cast)
    keypoint, score = find_keypoints(
        np.stack([person.joints for person in people]),
        unit=layout.unit,
        image_size=IMAGE_SIZE,
        random=chance,
    )
    floor_line = float(layout.origin[1]) - chance.uniform(0.08, 0.3) * layout.unit
    wrist = _LEFT_WRIST if left_handed else _RIGHT_WRIST
    return Scene(
        people=people,
        unit=layout.unit,
        keypoint=keypoint,
        keypoint_score=score,
        room=Room(_stream(seed, _SETUP, name.setup, name.camera), floor_line),
        movers=Movers(frame_count, chance),
        chair=_put_chair(action, camera, layout, chance),
        held=None if action.held is None else _hold(action.held, people[0], wrist, layout.unit, chance),
    )


def _stream(seed: int, purpose: int, *keys: int | None) -> np.random.Generator:
    return np.random.default_rng([seed, purpose, *(key or 0 for key in keys)])


@dataclass(frozen=True)
class _Layout:
    """Where the scene lies in the image: pixels of the origin, and of a body height."""

    origin: Floats
    unit: float

    @classmethod
    def draw(cls, points: Floats, random: np.random.Generator) -> _Layout:
        """Place points so that the padded square around them, which is the crop, lies in the image."""
        low, high = points.min(axis=(0, 1, 2)), points.max(axis=(0, 1, 2))
        height, width = IMAGE_SIZE
        side = height * random.uniform(0.78, 0.88)
        unit = side / (_PADDED * float((high - low).max()))
        room_for_errors = 14
        half = side / 2 + room_for_errors
        centre = random.uniform((half, half), (width - half, height - half))
        return cls(centre - unit * (low + high) / 2, unit)

    def to_pixels(self, points: Floats) -> Floats:
        return self.origin + self.unit * points


@dataclass(frozen=True, eq=False, kw_only=True)
class _Actor:
    """Somebody in the room: joints ``(frames, 17, 3)`` in body heights, the way they face, and a look."""

    joints: Floats
    heading: float = 0.0
    look: Look


def _perform(
    action: Action, frame_count: int, performer: np.random.Generator, chance: np.random.Generator
) -> _Actor:
    body = Proportions.draw(performer)
    joints = place_joints(action.perform(frame_count, body, chance), body)
    return _Actor(joints=joints, look=Look.draw(performer, chance))


def _accompany(frame_count: int, chance: np.random.Generator) -> _Actor:
    """Somebody behind the performer who stands about or walks by."""
    body = Proportions.draw(chance)
    side, behind = chance.choice([-1.0, 1.0]), chance.uniform(0.25, 0.5)
    if chance.uniform() < 0.5:
        heading, posture = chance.uniform(-0.7, 0.7), stand_still(frame_count, body, chance)
        path = np.full(frame_count, side * chance.uniform(0.4, 0.55))
    else:
        heading, posture = side * np.pi / 2, walk(frame_count, body, chance)
        path = side * np.linspace(-0.6, 0.6, frame_count)
    joints = turn(place_joints(posture, body), heading)
    joints[..., 0] += path[:, None]
    joints[..., 2] -= behind
    return _Actor(joints=joints, heading=heading, look=Look.draw(chance, chance))


def _film_actor(actor: _Actor, camera: Camera, layout: _Layout) -> Person:
    points, nearness = camera.project(actor.joints)
    foot, _ = camera.project(turn(np.array([0.0, -0.01, _FOOT]), actor.heading))
    return Person(
        joints=layout.to_pixels(points), nearness=nearness, forward=layout.unit * foot, look=actor.look
    )


def _put_chair(
    action: Action, camera: Camera, layout: _Layout, chance: np.random.Generator
) -> tuple[Floats, Colour] | None:
    if not action.on_chair and chance.uniform() >= _CHAIR_BY_CHANCE:
        return None
    corners, _ = camera.project(chair_corners())
    return layout.to_pixels(corners), draw_colour(chance, lively=0.1)


def _hold(held: Held, person: Person, wrist: int, unit: float, random: np.random.Generator) -> _HeldThing:
    frame_count = len(person.joints)
    cycles = np.linspace(0, random.uniform(0.5, 2.5), frame_count) + random.uniform()
    return _HeldThing(
        kind=held,
        hands=place_hand(person.joints[:, wrist - 2], person.joints[:, wrist]),
        size=unit * random.uniform(0.17, 0.2),
        tilts=random.uniform(-0.3, 0.3) + 0.12 * np.sin(2 * np.pi * cycles),
        brightness=random.uniform(0.82, 1.15),
    )
