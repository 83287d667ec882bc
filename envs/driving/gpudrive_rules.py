"""GPUDrive's step, read from its rules and written once more: numpy, one world, float32 where a threshold is near.

It is no part of the product: tests hold it to recordings of the original, and the simulator to both. Rules and numbers are in
the README; `Scene` is what a recording and its scene's JSON file say.

    scene = Scene(json_scene, recording, road_entities)
    for state in play(scene): ...   # after the reset, and after each of 91 steps
        flat_observation(observe_self(scene, state)[i], observe_partners(scene, state, i), observe_roads(scene, state, i))
"""

from dataclasses import dataclass, field

import numpy as np

STEPS, TIME_STEP, BOX_SCALE = 91, 0.1, 0.7
VEHICLE, STATIC = 7, 2  # agent type, response type
ROAD_EDGE, STOP_SIGN = 1, 6  # road types
STOP, REMOVE, IGNORE = range(3)
CLASSIC, BICYCLE, DELTA_LOCAL, STATE = range(4)
AWAY = (-11000.0, -11000.0)


def wrap(angle):
    return (angle + np.pi) % (2 * np.pi) - np.pi


def direction(angle):
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def gaps(center, heading, half, other_center, other_heading, other_half):
    """Widest gap over the four separating axes of every pair of boxes, [n, m] in m; <= 0: they touch."""
    apart = other_center[None] - center[:, None]
    a, b = direction(heading)[:, None], direction(other_heading)[None]
    cosine, sine = np.abs((a * b).sum(-1)), np.abs(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])

    def along(axis):
        return np.abs((apart * axis).sum(-1)), np.abs(apart[..., 1] * axis[..., 0] - apart[..., 0] * axis[..., 1])

    (a_length, a_width), (b_length, b_width) = along(a), along(b)
    length, width, other_length, other_width = half[:, None, 0], half[:, None, 1], other_half[None, :, 0], other_half[None, :, 1]
    return np.max([a_length - length - other_length * cosine - other_width * sine,
                   a_width - width - other_length * sine - other_width * cosine,
                   b_length - other_length - length * cosine - width * sine,
                   b_width - other_width - length * sine - width * cosine], 0)


class Scene:
    """The created agents in slot order, with their logs from the mean; road entities; what was done, and how."""

    def __init__(self, json_scene, recording, config, road_entities):
        self.config = config
        self.type, self.controlled = recording["agent_type"], recording["controlled"] != 0
        self.is_static = recording["response"] == STATIC
        objects = {each["id"]: each for each in json_scene["objects"]}
        objects = [objects[int(number)] for number in recording["agent_id"]]
        count, mean = len(objects), recording["world_mean"][:2].astype(np.float32)
        point = lambda p: (p["x"], p["y"])
        self.position, self.velocity = np.full((count, STEPS, 2), -10000, np.float32), np.full((count, STEPS, 2), -10000, np.float32)
        self.heading, self.valid = np.full((count, STEPS), -10000.0), np.zeros((count, STEPS), bool)
        for i, each in enumerate(objects):
            frames = min(STEPS, len(each["position"]))
            self.position[i, :frames] = [point(p) for p in each["position"][:frames]]
            self.velocity[i, :frames] = [point(v) for v in each["velocity"][:frames]]
            self.heading[i, :frames], self.valid[i, :frames] = each["heading"][:frames], each["valid"][:frames]
        self.position -= mean
        self.goal = np.array([point(each["goalPosition"]) for each in objects], np.float32) - mean
        self.size = np.array([(each["length"], each["width"], each["height"]) for each in objects])
        self.half = BOX_SCALE / 2 * self.size[:, :2]
        self.id = recording["agent_id"]
        self.entities = road_entities.astype(float)  # [n, 9] x, y, half sizes (3), heading, type, id, map element
        road_type = road_entities[:, 6].astype(int)
        self.roads = road_entities[(road_type == ROAD_EDGE) | (road_type == STOP_SIGN)].astype(float)
        self.is_edge = self.roads[:, 6] == ROAD_EDGE
        self.actions = np.zeros((STEPS, count, 10))
        self.actions[:, recording["action_agents"]] = recording["actions"]


@dataclass
class World:
    """Arrays by agent."""

    position: np.ndarray
    heading: np.ndarray
    velocity: np.ndarray
    collided: np.ndarray
    done: np.ndarray
    removed: np.ndarray
    info: np.ndarray  # [agents, 4] flags: met a road, a vehicle, another agent; reached its goal
    reward: np.ndarray = None
    least_gap: np.ndarray = field(default=None)  # to what it may touch, absolute


def drive(scene, world, i, action):
    """Moves controlled agent i."""
    x, heading, speed = world.position[i], world.heading[i], np.hypot(*world.velocity[i])
    model = scene.config["dyn"]
    if model == CLASSIC:
        mean, tangent = speed + 0.5 * action[0] * TIME_STEP, np.tan(action[1])
        slip = np.arctan(0.5 * tangent)
        x, speed = x + mean * TIME_STEP * direction(heading + slip), speed + action[0] * TIME_STEP
        heading = wrap(heading + mean * np.cos(slip) * tangent / scene.size[i, 0] * TIME_STEP)
        velocity = speed * direction(heading)
    elif model == BICYCLE:
        acceleration, curvature = np.clip(action[0], -6, 6), np.clip(action[1], -3, 3)
        x = x + world.velocity[i] * TIME_STEP + 0.5 * acceleration * TIME_STEP**2 * direction(heading)
        heading = wrap(heading + curvature * (speed * TIME_STEP + 0.5 * acceleration * TIME_STEP**2))
        velocity = (speed + acceleration * TIME_STEP) * direction(heading)
    elif model == DELTA_LOCAL:
        ahead, left = direction(heading), direction(heading + np.pi / 2)
        way = action[0] * ahead + action[1] * left
        x, heading, velocity = x + way, wrap(heading + action[2]), way / TIME_STEP
    else:
        x, heading, velocity = action[:2], action[3], action[4:6]
    world.position[i], world.heading[i], world.velocity[i] = x, heading, velocity


def move(scene, world, t):
    """The first part of step t: contacts of the step before have their consequences, then everyone moves."""
    on_contact = scene.config["coll"]
    for i in range(len(world.done)):
        hit = world.collided[i] and on_contact != IGNORE
        if hit:
            world.done[i] = True
        if scene.is_static[i] and not (hit and on_contact == REMOVE):
            continue
        if world.done[i]:  # stopping is removing, too
            world.position[i], world.velocity[i], world.removed[i] = AWAY, 0, True
        elif scene.controlled[i]:
            drive(scene, world, i, scene.actions[t, i])
        else:  # a frame late: t, where controlled agents are at t + 1
            world.position[i], world.heading[i], world.velocity[i] = scene.position[i, t], scene.heading[i, t], scene.velocity[i, t]


def find_contacts(scene, world, frame):
    """Sets flags, for good unless contacts are ignored. frame: of the logs that replayed agents show."""
    if scene.config["coll"] == IGNORE:
        world.collided[:], world.info[:, :3] = False, False
    out = np.where(scene.controlled, world.done & ~world.collided, ~scene.valid[:, frame]) | world.removed
    moves = ~scene.is_static
    pairs = gaps(world.position, world.heading, scene.half, world.position, world.heading, scene.half)
    pairs[out] = np.inf
    pairs[:, out] = np.inf
    pairs[np.ix_(~moves, ~moves)] = np.inf
    np.fill_diagonal(pairs, np.inf)
    roads = gaps(world.position, world.heading, scene.half, scene.roads[:, :2], scene.roads[:, 5], scene.roads[:, 2:4])
    roads[out | ~moves] = np.inf
    roads[np.ix_(scene.type != VEHICLE, scene.is_edge)] = np.inf
    touches, is_vehicle = pairs <= 0, scene.type == VEHICLE
    world.info[:, 0] |= (roads <= 0).any(1)
    world.info[:, 1] |= touches[:, is_vehicle].any(1)
    world.info[:, 2] |= touches[:, ~is_vehicle].any(1)
    world.collided |= world.info[:, :3].any(1)
    world.least_gap = np.abs(np.concatenate([pairs, roads], 1)).min(1)


def find_arrivals(scene, world, ends):
    """Rewards; ends: agents at their goals are done."""
    distance = np.sqrt(np.sum(np.square(scene.goal - world.position.astype(np.float32)), 1, dtype=np.float32))
    arrives = distance < np.float32(scene.config["goalThr"])
    world.reward = arrives.astype(float) if scene.config["reward"] == 1 else -distance
    if ends:
        world.done |= arrives
        world.info[:, 3] |= arrives


def play(scene):
    """Yields the world after the reset and after each step: always the same object."""
    count = len(scene.goal)
    flags = lambda: np.zeros(count, bool)
    velocity = np.where(scene.is_static[:, None], 0.0, scene.velocity[:, 0])
    world = World(scene.position[:, 0].astype(float), scene.heading[:, 0].copy(), velocity, flags(), flags(), flags(),
                  np.zeros((count, 4), bool))
    find_contacts(scene, world, 0)
    find_arrivals(scene, world, False)
    yield world
    for t in range(STEPS):
        move(scene, world, t)
        find_contacts(scene, world, t)
        find_arrivals(scene, world, True)
        if t == STEPS - 1:
            world.done[:] = True
        yield world


def into(heading, offset):
    """World offsets [n, 2] as seen from a heading: ahead, left."""
    ahead, left = direction(heading), direction(heading + np.pi / 2)
    return np.stack([(offset * ahead).sum(-1), (offset * left).sum(-1)], -1)


def padded(rows, count, columns):
    """Rows and padding: zeros, and -1 in `columns`."""
    out = np.zeros((count, 9))
    out[:, columns] = -1
    out[: len(rows)] = rows
    return out


def observe_self(scene, world):
    """[agents, 8] speed, length, width, height, goal ahead and to the left, collided, id."""
    return np.column_stack([np.hypot(*world.velocity.T), scene.size, into(world.heading, scene.goal - world.position),
                            world.collided, scene.id])


def observe_partners(scene, world, i):
    """[63, 9] speed, ahead, left, relative heading, length, width, height, type, id of the others within the radius, by slot."""
    place = into(world.heading[i], world.position - world.position[i])
    near = np.hypot(*place.T) <= scene.config["radius"]
    near[i] = False
    turned = wrap(world.heading - world.heading[i])
    return padded(np.column_stack([np.hypot(*world.velocity.T), place, turned, scene.size, scene.type, scene.id])[near], 63, [8])


def observe_roads(scene, world, i):
    """[200, 9] ahead and left to the middle, half sizes, relative heading, type, id, map element: of the entities whose middle is
    within the radius the first ones of the map, or (knn) the nearest, in any order."""
    place = into(world.heading[i], scene.entities[:, :2] - world.position[i])
    distance = np.hypot(*place.T)
    chosen = np.argsort(distance, kind="stable") if scene.config["knn"] else np.arange(len(distance))
    chosen = chosen[distance[chosen] <= scene.config["radius"]][:200]
    turned = wrap(scene.entities[:, 5] - world.heading[i])
    rows = np.column_stack([place, scene.entities[:, 2:5], turned, scene.entities[:, 6:]])[chosen]
    return padded(rows, 200, [] if scene.config["knn"] else [7, 8])


def flat_observation(own, partners, roads):
    """[2984] of GPUDrive's Python environment."""
    scaled = lambda x: 2 * ((x + 1000) / 2000) - 1
    turns = 1 / (2 * np.pi)
    ego = [own[0] / 100, own[1] * 0.7 / 30, own[2] * 0.7 / 15, scaled(own[4]), scaled(own[5]), own[6]]
    others = np.column_stack([partners[:, 0] / 100, scaled(partners[:, 1:3]), partners[:, 3] * turns, partners[:, 4] * 0.7 / 30,
                              partners[:, 5] * 0.7 / 15])
    road = np.column_stack([scaled(roads[:, :2]), roads[:, 2:5] / 100, roads[:, 5] * turns, np.eye(7)[roads[:, 6].astype(int)]])
    return np.concatenate([ego, others.ravel(), road.ravel()])
