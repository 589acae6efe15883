import numpy as np

from epam.data.synthetic.canvas import Canvas
from epam.data.synthetic.surroundings import IMAGE_SIZE, Movers, Room, chair_corners, draw_chair

HEIGHT, WIDTH = IMAGE_SIZE


def small_canvas() -> Canvas:
    return Canvas((0, 0, WIDTH, HEIGHT), (45, 80))


def test_a_room_covers_everything_and_is_cluttered() -> None:
    canvas = small_canvas()
    canvas.pixels[:] = -1
    Room(np.random.default_rng(0), floor_line=250).paint(canvas)
    assert canvas.pixels.min() >= 0
    assert len(np.unique(canvas.to_frame().reshape(-1, 3), axis=0)) > 100


def test_the_floor_begins_at_its_line() -> None:
    rooms = []
    for line in (200, 300):
        canvas = small_canvas()
        Room(np.random.default_rng(0), floor_line=line).paint(canvas)
        rooms.append(canvas.pixels)
    rows = np.nonzero((rooms[0] != rooms[1]).any(axis=(1, 2)))[0]
    assert rows.min() == 25  # 200 / 8


def test_movers_move() -> None:
    movers, frames = Movers(60, np.random.default_rng(0)), []
    for frame in (0, 30):
        canvas = small_canvas()
        movers.paint(canvas, frame)
        frames.append(canvas.to_frame())
    assert frames[0].any()
    assert (frames[0] != frames[1]).any()


def test_movers_do_not_tell_which_way_time_runs() -> None:
    # As much of the picture's left half is covered at the start as at the end, on average; upper half too.
    shares = []
    for seed in range(150):
        movers = Movers(60, np.random.default_rng(seed))
        covered = []
        for frame in (0, 59):
            canvas = small_canvas()
            movers.paint(canvas, frame)
            covered.append((canvas.pixels > 0).any(axis=-1))
        first, last = covered
        shares.append([first[:, :40].mean() - last[:, :40].mean(), first[:22].mean() - last[:22].mean()])
    deviation = np.std(shares, axis=0) / np.sqrt(len(shares))
    assert np.all(np.abs(np.mean(shares, axis=0)) < 4 * deviation)


def test_a_chair_stands_behind_on_the_floor() -> None:
    seat, back, feet = chair_corners()
    assert feet[:, 1].max() == 0 < seat[:, 1].min() < back[:, 1].max()
    assert chair_corners()[..., 2].max() < 0


def test_a_chair_is_painted_in_its_colour() -> None:
    canvas = Canvas((0, 0, 60, 60), (60, 60))
    corners = chair_corners()[..., :2] * (40, -40) + (30, 50)
    corners[0, 2:, 1] += 8  # the front of the seat, seen from above
    draw_chair(canvas, corners, unit=40, colour=(200, 100, 50))
    assert (canvas.to_frame() == (200, 100, 50)).all(axis=-1).sum() > 20
