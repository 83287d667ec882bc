"""flockstep.pathfinding: POGEMA's dictionary observations, for programs written for POGEMA.

Other programs should use the arrays.
"""

import numpy as np

from .checks import shown

OBSERVATION_TYPES = ("POMAPF", "MAPF")


def pogema_observation(env, observation_type="POMAPF"):
    """POGEMA's observations of all worlds: result[world][agent] is the dictionary of one agent.

        env = flockstep.make("pathfinding", num_envs=2, num_agents=8)
        env.reset(seed=0)
        flockstep.pathfinding.pogema_observation(env, "MAPF")[0][3]["global_xy"]

    env: an Environment of pathfinding whose observation has `windows`, as it has by default.
    observation_type: "POMAPF" or "MAPF". POMAPF has, with w = 2 obs_radius + 1,
        obstacles: float32 [w, w], 1 where the cell is an obstacle or the wall around the map, the agent in the middle.
        agents: float32 [w, w], 1 where an active agent stands, including itself; without finished agents.
        xy, target_xy: (row, column) of the agent and of its goal, int, relative to the agent's start of this episode.
      MAPF has these and, in coordinates of the grid with its border of obs_radius cells,
        global_obstacles: float64 [height + 2 obs_radius, width + 2 obs_radius]; one array, shared by a world's agents.
        global_xy, global_target_xy: (row, column) of the agent and of its goal, int.

    Keys, types and values are POGEMA's; worlds with fewer agents have shorter lists. All arrays are copies in host memory,
    made one by one: use this for evaluation, not for training. Waits for the device. In autoreset mode same_step a world
    whose episode has ended already shows the next one.

    Raises ValueError for another environment, another observation type, and an environment without `windows`
    or with bfloat16 ones.
    """
    if observation_type not in OBSERVATION_TYPES:
        raise ValueError(f"observation_type: got {shown(observation_type)}, want one of: {', '.join(OBSERVATION_TYPES)}")
    if env.name != "pathfinding":
        raise ValueError(f"env: got {env.name}, want pathfinding")
    windows = host_windows(env)
    present = env.get_field("num_present")[:, 0]
    position, goal, start = (env.get_field(name).astype(int) for name in ("position", "goal", "start"))
    xy, target_xy = position - start, goal - start
    worlds = [
        [
            {
                "obstacles": windows[world, agent, 0].copy(),
                "agents": windows[world, agent, 1].copy(),
                "xy": tuple(xy[world, agent].tolist()),
                "target_xy": tuple(target_xy[world, agent].tolist()),
            }
            for agent in range(present[world])
        ]
        for world in range(env.num_envs)
    ]
    if observation_type == "MAPF":
        add_global(env, worlds, position, goal)
    return worlds


def add_global(env, worlds, position, goal):
    """Adds MAPF's keys: the whole bordered grid, and positions on it."""
    radius = env.settings["obs_radius"]
    for world, grid in enumerate(bordered_grids(env)):
        for agent, result in enumerate(worlds[world]):
            result["global_obstacles"] = grid
            result["global_xy"] = tuple((position[world, agent] + radius).tolist())
            result["global_target_xy"] = tuple((goal[world, agent] + radius).tolist())


def bordered_grids(env):
    """Yields float64 [height + 2 obs_radius, width + 2 obs_radius] for each world, 1 = obstacle."""
    words, sizes = env.get_field("walls"), env.get_field("map_size").reshape(env.num_envs, 2)
    border = 2 * env.settings["obs_radius"]
    for rows, (height, width) in zip(words, sizes, strict=True):
        bits = np.unpackbits(rows.astype("<u4").view(np.uint8), axis=1, bitorder="little")
        yield bits[: height + border, : width + border].astype(np.float64)


def host_windows(env):
    """The observation part `windows` as float32 [num_envs, num_agents, 3, w, w] in host memory."""
    for array in env._batch.observations:
        if array.name == "windows":
            return array.copy().astype(np.float32)
    raise ValueError(f'observation: got "{env.settings["observation"]}", want windows among its parts')
