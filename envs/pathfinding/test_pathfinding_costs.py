"""cost_to_go and intent against their definitions, from the distances, positions and maps returned by get_field."""

import numpy as np
import pytest
from conftest import to_numpy

flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")
if "pathfinding" not in flockstep.environments():
    pytest.skip("pathfinding is not built", allow_module_level=True)

UNREACHABLE = 65535
MOVES = [(-1, 0), (1, 0), (0, -1), (0, 1)]  # bits 0 to 3 of intent
SETTINGS = {
    "random": {"size": 16, "density": 0.3},
    "ragged": {"size": 20, "min_size": 5, "min_agents": 2, "density": 0.2},
    "long paths": {},  # distances beyond uint8: a single winding corridor
    "wide windows": {"size": 40, "obs_radius": 9, "cost_clip": 60},  # wider than a lane loads at a time
    "odd": {"height": 7, "width": 9, "obs_radius": 3, "num_agents": 2},  # a number of cells that is not a multiple of 4
}


def expected(field, sizes, position, clip, radius):
    """One agent's cost_to_go."""
    window = np.full((2 * radius + 1,) * 2, clip + 1, np.int64)
    own = int(field[tuple(position)])
    for i in range(2 * radius + 1):
        for j in range(2 * radius + 1):
            row, column = position[0] - radius + i, position[1] - radius + j
            if 0 <= row < sizes[0] and 0 <= column < sizes[1] and field[row, column] != UNREACHABLE:
                window[i, j] = np.clip(int(field[row, column]) - own, -clip, clip)
    return window


def write_map(path, rows):
    """Writes a MovingAI map; returns the value for the setting `map`."""
    path.write_text(f"type octile\nheight {len(rows)}\nwidth {len(rows[0])}\nmap\n" + "\n".join(rows) + "\n")
    return str(path)


@pytest.mark.parametrize("name", SETTINGS)
def test_costs_and_intents_are_what_distances_say(name, device, tmp_path):
    settings = {"num_agents": 6, "max_episode_steps": 8, "on_target": "restart", "collision_system": "soft", **SETTINGS[name]}
    if name == "long paths":
        rows = ["." * 33 if row % 2 == 0 else "@" * 32 + "." if row % 4 == 1 else "." + "@" * 32 for row in range(29)]
        settings["map"] = write_map(tmp_path / "corridor.map", rows)
    env = flockstep.make("pathfinding", num_envs=4, device=device, observation="cost_to_go,intent", **settings)
    observation, info = env.reset(seed=5)
    radius, clip = settings.get("obs_radius", 5), settings.get("cost_clip", 10)
    farthest, arrivals = 0, 0
    for _ in range(20):
        fields = {key: to_numpy(env.get_field(key)).astype(int) for key in ("distance", "position", "map_size")}
        costs, intents, active = (to_numpy(x).astype(int) for x in (*observation.values(), info["active"]))
        for world in range(4):
            sizes, agents = fields["map_size"][world].reshape(-1)[:2], np.flatnonzero(active[world])
            positions, distance = fields["position"][world], fields["distance"][world]
            assert (costs[world, active[world] == 0] == clip + 1).all()
            wants = {}
            for agent in agents:
                here, field = positions[agent], distance[agent]
                farthest = max(farthest, field[tuple(here)] if field[tuple(here)] != UNREACHABLE else 0)
                np.testing.assert_array_equal(costs[world, agent], expected(field, sizes, here, clip, radius))
                cells = [here + move for move in MOVES]
                inside = [(0 <= cell).all() and (cell < sizes).all() for cell in cells]
                nearer = [ok and field[tuple(cell)] < field[tuple(here)] for cell, ok in zip(cells, inside, strict=True)]
                wants[tuple(here)] = sum(1 << bit for bit in range(4) if nearer[bit])
            for agent in agents:
                shown = np.zeros_like(intents[world, agent])
                for cell, bits in wants.items():
                    offset = np.array(cell) - positions[agent] + radius
                    if (0 <= offset).all() and (offset <= 2 * radius).all():
                        shown[tuple(offset)] = bits
                np.testing.assert_array_equal(intents[world, agent], shown)
        observation, reward, *_, info = env.step(env.act("pibt"))
        arrivals += to_numpy(reward).sum()
    if name == "long paths":
        assert farthest > 260
    else:
        assert arrivals > 0, "no goal was renewed"


def test_an_agent_cut_off_from_its_goal_sees_which_cells_reach_it(device, tmp_path):
    address = write_map(tmp_path / "halves.map", ["..@.."] * 3)
    settings = {"map": address, "num_agents": 1, "obs_radius": 2, "observation": "cost_to_go"}
    env = flockstep.make("pathfinding", num_envs=1, device=device, **settings)
    observation, _ = env.reset(seed=1)
    env.set_fields({"position": [[[1, 1]]], "goal": [[[0, 4]]]})  # the observation is a view
    row = [11, 11, 11, 11, -10]
    np.testing.assert_array_equal(to_numpy(observation)[0, 0], [[11] * 5, row, row, row, [11] * 5])
