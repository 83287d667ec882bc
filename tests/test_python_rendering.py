"""Pictures of worlds: what Pillow paints is what the replay page draws, and every surface gives it."""

import sys

import numpy as np
import pytest
from test_replay import browser, chromium, chromium_process  # noqa: F401

pytest.importorskip("PIL", reason="Pillow is not installed")
gymnasium = pytest.importorskip("gymnasium")
flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")

from flockstep import rendering  # noqa: E402

CASES = {
    "cartpole": ("cartpole", {}),
    "pendulum": ("pendulum", {}),
    "acrobot": ("acrobot", {}),
    "mountain car": ("mountain_car_continuous", {}),
    "maze": ("pathfinding", {"num_agents": 12, "size": 21, "generator": "maze", "on_target": "nothing"}),
    "finish": ("pathfinding", {"num_agents": 6, "size": 8, "density": 0.1, "distances": True}),
    "wide": ("pathfinding", {"num_agents": 3, "height": 6, "width": 15}),
    "spread": ("mpe_spread", {}),
    "tag": ("mpe_tag", {}),
}


def played(case, steps=2):
    name, settings = CASES[case]
    env = flockstep.make(name, num_envs=2, device="cpu", autoreset_mode="disabled", **settings)
    env.reset(seed=2)
    for _ in range(steps):
        env.step(env.act("pibt" if "pibt" in env.policies and settings.get("distances") else "random"))
    return env


def parse(colour):
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) if isinstance(colour, str) else colour


@pytest.mark.parametrize("case", CASES)
def test_the_page_and_pillow_show_the_same(case, browser, tmp_path):  # noqa: F811
    """Colours at places all over the scene and within its shapes, in pictures of the page's scale. Edges, which are softened
    differently, and numbers on agents, which have other fonts, are few."""
    env = played(case)
    page = tmp_path / "page.html"
    page.write_text(env._batch.draw_page(1))
    browser.open(page)
    frame = env._batch.draw(1)
    x_min, x_max, y_min, y_max = frame["box"]
    points = [(x, y) for x in np.linspace(x_min, x_max, 60)[1:-1].tolist() for y in np.linspace(y_min, y_max, 60)[1:-1].tolist()]
    for shape in frame["shapes"]:
        if shape["kind"] not in ("wall", "segment"):
            (x, y), far = shape["at"], 0.75 * shape["radius"]
            points += [(x + far * np.cos(angle), y + far * np.sin(angle)) for angle in np.arange(0.5, 6)]
    scale, shown = browser.run(f"""
        replay.pause(); player.paths = false; colours.mesh = colours.floor; still.key = ""; draw();
        const image = pen.getImageData(0, 0, canvas.width, canvas.height);
        return [view.scale * view.ratio, {[list(map(float, point)) for point in points]}.map(point => {{
            const [x, y] = toScreen(point).map(coordinate => Math.floor(coordinate * view.ratio));
            return [...image.data.slice(4 * (y * image.width + x), 4 * (y * image.width + x) + 3)];
        }})];""")
    shorter, longer = sorted((x_max - x_min, y_max - y_min))
    size = round(scale * longer / (1 - 2 * rendering.MARGIN * shorter / longer))
    picture, canvas = env.render(1, size=size), rendering.Canvas(frame, size)
    differences = np.array([difference(colour, near(picture, canvas, point)) for colour, point in zip(shown, points, strict=True)])
    coloured = np.array([np.ptp(colour) > 40 for colour in shown])
    assert (differences <= 12).mean() > 0.97
    assert coloured.sum() >= env.num_agents and (differences[coloured] <= 48).mean() > 0.92


def near(picture, canvas, point):
    """What is painted within two pixels of a place, [pixels, 3]: shapes' edges are softened differently."""
    x, y = (int(coordinate / rendering.FINENESS) for coordinate in canvas.place(point))
    return picture[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3].reshape(-1, 3).astype(int)


def difference(colour, pixels):
    """From the most similar of the pixels, in the channel that differs most."""
    return np.abs(pixels - colour).max(1).min()


def test_a_world_is_painted_where_its_agents_are():
    env = flockstep.make("pathfinding", device="cpu", map="a.A\n.#.")
    env.reset()
    frame, picture = env._batch.draw(), env.render()
    assert picture.dtype == np.uint8 and picture.shape == (320, 480, 3) and not (picture.shape[0] % 2 or picture.shape[1] % 2)
    agent = next(shape for shape in frame["shapes"] if shape["kind"] == "disc")
    assert agent["at"] == (0, 0) and agent["colour"] == ("agent", 0)
    canvas = rendering.Canvas(frame, 480)
    at = lambda point: picture[tuple(int(c / rendering.FINENESS) for c in reversed(canvas.place(point)))].tolist()  # noqa: E731
    assert at((0, 0)) == list(rendering.colour_of(agent)) and at((1, 1)) == list(parse(rendering.WALL)) and at((1, 0)) == [255] * 3
    before = picture.copy()
    env.step(np.array([[4]], np.int32))
    after = env.render()
    np.testing.assert_array_equal(picture, before)
    assert (after != before).any()
    assert env.render(size=100).shape == (66, 100, 3)


def test_every_surface_renders():
    single = gymnasium.make("flockstep/CartPole-v1", render_mode="rgb_array")
    single.reset(seed=1)
    assert single.render().shape[2] == 3 and single.metadata["render_fps"] == 50
    vector = gymnasium.make_vec("flockstep/Pathfinding-v0", num_envs=3, num_agents=2, render_mode="rgb_array")
    vector.reset(seed=1)
    frames = vector.render()
    assert len(frames) == 3 and not np.array_equal(frames[0], frames[1])
    parallel = flockstep.parallel_env("mpe_tag", render_mode="rgb_array")
    parallel.reset(seed=1)
    assert parallel.render().shape[2] == 3
    for env in (gymnasium.make("flockstep/CartPole-v1"), gymnasium.make_vec("flockstep/CartPole-v1"), flockstep.parallel_env("cartpole")):
        env.reset(seed=1)
        assert env.unwrapped.render() is None


def test_the_device_does_not_matter(device):
    for name, settings in CASES.values():
        env, other = (flockstep.make(name, num_envs=2, device=on, **settings) for on in (device, "cpu"))
        np.testing.assert_array_equal(env.render(1), other.render(1))


def test_what_cannot_be_painted_is_refused(monkeypatch):
    env = flockstep.make("cartpole", device="cpu")
    for arguments, sentence in [
        ({"world": 1}, "world: got 1, want an integer from 0 to 0"),
        ({"size": 4}, "size: got 4, want an integer from 16 to 8192"),
        ({"size": 99.5}, "size: got 99.5, want an integer from 16 to 8192"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            env.render(**arguments)
    if any(line["name"] == "test_stones" for line in flockstep._flockstep.environments(tests=True)):  # not in a wheel
        with pytest.raises(ValueError, match="render: test_stones cannot be drawn"):
            flockstep.make("test_stones", device="cpu").render()
    for make in (lambda **k: gymnasium.make_vec("flockstep/CartPole-v1", **k), lambda **k: flockstep.parallel_env("cartpole", **k)):
        with pytest.raises(ValueError, match='render_mode: got \'ansi\', want None or "rgb_array"'):
            make(render_mode="ansi")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"^rendering in Python needs Pillow: pip install 'flockstep\[render\]'$"):
        env.render()
