"""Writes own_town.xodr: eight junctions on an uneven grid, an avenue of two lanes each way, round corners, hills, lights.

Run: python3 make_own_town.py > own_town.xodr (standard library alone; the same bytes every time).
Arms of a junction lie at one distance from its node and point away from it. So the reference lines of any two arms meet in
the node, and an arc or two mirrored spirals join them exactly, whatever the angle.
"""

import cmath
import math

LANE, SIDEWALK = 3.5, 2.0  # m, widths
STEPS = 2000  # of numeric integration

# Nodes of the town: place, height, distance of the arms. Corners are no junctions.
NODES = {
    "b": (140 + 0j, 0.0, 15), "c": (290 - 10j, 1.5, 15),
    "e": (0 + 120j, 1.0, 18), "f": (145 + 130j, 2.0, 20), "g": (295 + 120j, 3.0, 20), "h": (430 + 125j, 2.5, 18),
    "j": (150 + 260j, 1.0, 15), "k": (285 + 250j, 2.0, 15),
}
CORNERS = {"a": -5 - 5j, "d": 425 - 15j, "i": 5 + 255j, "l": 440 + 255j}
# Roads: from, to, lanes each way, through a corner, how much the ends are turned from the straight line (radians).
ROADS = [
    ("b", "c", 1, None, 0.0), ("e", "f", 2, None, 0.0), ("f", "g", 2, None, 0.12), ("g", "h", 2, None, 0.0), ("j", "k", 1, None, -0.15),
    ("b", "f", 1, None, 0.2), ("c", "g", 1, None, 0.0), ("f", "j", 1, None, 0.0), ("g", "k", 1, None, -0.2),
    ("b", "e", 1, "a", 0.0), ("c", "h", 1, "d", 0.0), ("j", "e", 1, "i", 0.0), ("k", "h", 1, "l", 0.0),
]
LIGHTS, STOPS, YIELDS = "fgb", "jc", "k"  # nodes with traffic lights; with a sign at the arm that meets a through road


def number(value):
    text = f"{value:.10g}"
    return "0" if text in ("-0", "0") else text


def attributes(**values):
    return " ".join(f'{key}="{value if isinstance(value, str) else number(value)}"' for key, value in values.items())


def angle(value):
    return math.remainder(value, 2 * math.pi)


# --- Geometry: records (shape, length), walked from a pose ---


def walk(place, heading, shape, length):
    """The pose at the end of a line, arc or spiral, by Simpson's rule."""
    kind, first, last = shape[0], shape[1] if len(shape) > 1 else 0.0, shape[-1] if len(shape) > 1 else 0.0
    if kind == "param":
        u, v = shape[1], shape[2]
        turned = cmath.exp(1j * heading)
        return place + turned * complex(sum(u), sum(v)), heading + math.atan2(v[1] + 2 * v[2] + 3 * v[3], u[1] + 2 * u[2] + 3 * u[3])
    rate, step, total = (last - first) / length, length / STEPS, 0j
    for i in range(STEPS + 1):
        s = i * step
        total += (1 if i in (0, STEPS) else 4 if i % 2 else 2) * cmath.exp(1j * (heading + first * s + rate * s * s / 2))
    return place + total * step / 3, heading + first * length + rate * length * length / 2


def scaled_to(tangent, turn, records):
    """Records of a symmetric bend, scaled so that its end tangents meet at this distance from both ends."""
    place, heading = 0j, 0.0
    for shape, length in records:
        place, heading = walk(place, heading, shape, length)
    scale = tangent / (place.imag / math.sin(turn)) if abs(turn) > 1e-9 else 1
    return [((shape[0], *(k / scale for k in shape[1:])), length * scale) for shape, length in records]


def arc_bend(tangent, turn):
    return scaled_to(tangent, turn, [(("arc", turn, turn), 1.0)])


def spiral_bend(tangent, turn):
    return scaled_to(tangent, turn, [(("spiral", 0.0, turn), 1.0), (("spiral", turn, 0.0), 1.0)])


def rounded_bend(tangent, turn):
    """Spiral, arc, spiral; the arc does half of the turn."""
    return scaled_to(tangent, turn, [(("spiral", 0.0, turn / 2), 1.0), (("arc", turn / 2, turn / 2), 1.0), (("spiral", turn / 2, 0.0), 1.0)])


def polynomial(place, heading, end, end_heading):
    """A cubic between two poses (Hermite), normalized."""
    far = (end - place) * cmath.exp(-1j * heading)
    turn = angle(end_heading - heading)
    speed = abs(far) / max(math.cos(turn / 4) ** 2, 0.5)
    start, stop = complex(speed, 0), speed * cmath.exp(1j * turn)
    c, d = 3 * far - 2 * start - stop, -2 * far + start + stop
    u, v = (0, start.real, c.real, d.real), (0, start.imag, c.imag, d.imag)
    length = sum(abs(start + 2 * c * p + 3 * d * p * p) for p in ((i + 0.5) / STEPS for i in range(STEPS))) / STEPS
    return [(("param", u, v), length)]


def plan_view(place, heading, records):
    lines, s = ["<planView>"], 0.0
    for shape, length in records:
        where = attributes(s=s, x=place.real, y=place.imag, hdg=angle(heading), length=length)
        if shape[0] == "line":
            inner = "<line/>"
        elif shape[0] == "arc":
            inner = f"<arc {attributes(curvature=shape[1])}/>"
        elif shape[0] == "spiral":
            inner = f"<spiral {attributes(curvStart=shape[1], curvEnd=shape[2])}/>"
        else:
            (au, bu, cu, du), (av, bv, cv, dv) = shape[1:]
            inner = f"<paramPoly3 {attributes(pRange='normalized', aU=au, bU=bu, cU=cu, dU=du, aV=av, bV=bv, cV=cv, dV=dv)}/>"
        lines.append(f"<geometry {where}>{inner}</geometry>")
        place, heading = walk(place, heading, shape, length)
        s += length
    return lines + ["</planView>"], s, (place, heading)


# --- Roads ---


def elevation(low, high, length):
    """Level at both ends."""
    rise = high - low
    record = attributes(s=0, a=low, b=0, c=3 * rise / length**2, d=-2 * rise / length**3)
    return f"<elevationProfile><elevation {record}/></elevationProfile>"


def lane(lane_id, kind, width, links):
    link = "".join(f'<{end} id="{lane_id}"/>' for end in links)
    return (f'<lane id="{lane_id}" type="{kind}" level="false"><link>{link}</link>'
            f'<width {attributes(sOffset=0, a=width, b=0, c=0, d=0)}/></lane>')


def section(s, lanes_each_way, links):
    kinds = [("driving", LANE)] * lanes_each_way + [("sidewalk", SIDEWALK)]
    left = [lane(i, *kinds[i - 1], links) for i in range(len(kinds), 0, -1)]
    right = [lane(-i, *kinds[i - 1], links) for i in range(1, len(kinds) + 1)]
    return [f'<laneSection {attributes(s=s)}>', "<left>", *left, "</left>",
            '<center><lane id="0" type="none" level="false"/></center>', "<right>", *right, "</right>", "</laneSection>"]


class Arm:
    """An end of a road at a junction."""

    def __init__(self, node, road, contact, lanes, heading):
        self.node, self.road, self.contact, self.lanes, self.heading = node, road, contact, lanes, heading
        place, self.height, distance = NODES[node]
        self.place = place + distance * cmath.exp(1j * heading)
        self.distance = distance

    def lane_in(self, number):
        """Id of the lane towards the junction, counted from the centre line."""
        return -number if self.contact == "end" else number

    def lane_out(self, number):
        return -self.lane_in(number)


def make_arms():
    arms = {node: [] for node in NODES}
    for road, (first, last, lanes, corner, bend) in enumerate(ROADS, 1):
        a, b = NODES[first][0], NODES[last][0]
        via = CORNERS.get(corner)
        arms[first].append(Arm(first, road, "start", lanes, cmath.phase((via if corner else b) - a) + bend))
        arms[last].append(Arm(last, road, "end", lanes, cmath.phase((via if corner else a) - b) - bend))
    return arms


def records_between(first, last, corner):
    arrival = last.heading + math.pi
    if corner is None:
        direction = cmath.phase(last.place - first.place)
        if abs(angle(first.heading - direction)) < 1e-9:
            return [(("line",), abs(last.place - first.place))]
        return polynomial(first.place, first.heading, last.place, arrival)
    before, after = abs(CORNERS[corner] - first.place), abs(CORNERS[corner] - last.place)
    tangent = min(before, after, 70) - 5
    bend = rounded_bend(tangent, angle(arrival - first.heading))
    return [(("line",), before - tangent), *bend, (("line",), after - tangent)]


def signals_of(arms, length):
    """Lights before the junctions that have them, signs at the stems of others."""
    lines = []
    for arm in arms:
        is_stem = len(TOWN[arm.node]) == 3 and arm is stem_of(arm.node)
        kind = (("1000001", "yes", "light") if arm.node in LIGHTS else ("206", "no", "stop") if arm.node in STOPS and is_stem
                else ("205", "no", "yield") if arm.node in YIELDS and is_stem else None)
        if kind is None:
            continue
        at_end = arm.contact == "end"
        t = (arm.lanes * LANE + 1) * (-1 if at_end else 1)
        lanes = sorted((arm.lane_in(1), arm.lane_in(arm.lanes)))
        where = attributes(s=length - 1 if at_end else 1, t=t, id=f"{arm.node}{arm.road}", name=kind[2], dynamic=kind[1],
                           orientation="+" if at_end else "-", zOffset=3, country="OpenDRIVE" if kind[1] == "yes" else "DE",
                           type=kind[0], subtype="-1", value="-1")
        lines.append(f'<signal {where}><validity fromLane="{lanes[0]}" toLane="{lanes[1]}"/></signal>')
    return ["<signals>", *lines, "</signals>"]


def stem_of(node):
    """Of three arms, the one that the other two pass by."""
    arms = TOWN[node]

    def through(arm):
        other, third = (a for a in arms if a is not arm)
        return abs(angle(other.heading - third.heading - math.pi))

    return min(arms, key=through)


def road_lines(road, first, last, lanes, corner):
    ends = [next(arm for arm in TOWN[node] if arm.road == road) for node in (first, last)]
    view, length, (place, _) = plan_view(ends[0].place, ends[0].heading, records_between(*ends, corner))
    assert abs(place - ends[1].place) < 1e-6, (road, place, ends[1].place)
    sections = section(0, lanes, [])
    if lanes > 1:  # two sections, to be linked
        sections = section(0, lanes, ["successor"]) + section(length / 2, lanes, ["predecessor"])
    return [f'<road {attributes(name=f"road {road}", length=length, id=str(road), junction="-1", rule="RHT")}>',
            f'<link><predecessor elementType="junction" elementId="{junction_id(first)}"/>'
            f'<successor elementType="junction" elementId="{junction_id(last)}"/></link>',
            f'<type s="0" type="town"><speed max="{50 if lanes > 1 else 30}" unit="km/h"/></type>', *view,
            elevation(ends[0].height, ends[1].height, length), "<lanes>", *sections, "</lanes>", *signals_of(ends, length), "</road>"]


# --- Junctions ---


def junction_id(node):
    return str(100 + sorted(NODES).index(node))


def movements(source, target):
    """Lane numbers, from the centre line: pairs that the movement joins."""
    turn = angle(target.heading - source.heading - math.pi)
    if abs(turn) < 0.6:
        return turn, [(i, i) for i in range(1, min(source.lanes, target.lanes) + 1)]
    return turn, [(1, 1)] if turn > 0 else [(source.lanes, target.lanes)]


def connecting_records(source, target, turn):
    heading = source.heading + math.pi
    if abs(turn) < 1e-9:
        return [(("line",), abs(target.place - source.place))]
    if abs(turn) < 0.6:
        return polynomial(source.place, heading, target.place, target.heading)
    return (spiral_bend if turn > 0 else arc_bend)(source.distance, turn)


def connecting_road(road, source, target):
    """A road of right lanes, and its lane links. Its lane -1 begins beside the centre line, or further out."""
    turn, pairs = movements(source, target)
    view, length, (place, _) = plan_view(source.place, source.heading + math.pi, connecting_records(source, target, turn))
    assert abs(place - target.place) < 1e-6, (source.node, place, target.place)
    begin, end = -(pairs[0][0] - 1) * LANE, -(pairs[0][1] - 1) * LANE
    shift = end - begin
    offset = f"<laneOffset {attributes(s=0, a=begin, b=0, c=3 * shift / length**2, d=-2 * shift / length**3)}/>"
    lanes = []
    for i, (first, last) in enumerate(pairs, 1):
        lanes.append(f'<lane id="{-i}" type="driving" level="false"><link><predecessor id="{source.lane_in(first)}"/>'
                     f'<successor id="{target.lane_out(last)}"/></link><width {attributes(sOffset=0, a=LANE, b=0, c=0, d=0)}/></lane>')
    lines = [f'<road {attributes(name="", length=length, id=str(road), junction=junction_id(source.node), rule="RHT")}>',
             f'<link><predecessor elementType="road" elementId="{source.road}" contactPoint="{source.contact}"/>'
             f'<successor elementType="road" elementId="{target.road}" contactPoint="{target.contact}"/></link>', *view,
             elevation(source.height, target.height, length), "<lanes>", offset, '<laneSection s="0">',
             '<center><lane id="0" type="none" level="false"/></center>', "<right>", *lanes, "</right></laneSection>", "</lanes>", "</road>"]
    return lines, [(source.lane_in(first), -i) for i, (first, _) in enumerate(pairs, 1)]


def junction_lines(node, first_road):
    roads, connections = [], []
    for source in TOWN[node]:
        for target in TOWN[node]:
            if source is target:
                continue
            road = first_road + len(connections)
            lines, links = connecting_road(road, source, target)
            roads += lines
            inner = "".join(f'<laneLink from="{a}" to="{b}"/>' for a, b in links)
            connections.append(f'<connection id="{len(connections)}" incomingRoad="{source.road}" connectingRoad="{road}" '
                               f'contactPoint="start">{inner}</connection>')
    return roads, [f'<junction id="{junction_id(node)}" name="{node}" type="default">', *connections, "</junction>"], len(connections)


def controllers():
    """Two at each junction with lights: the arms of one line switch together."""
    lines = []
    for node in LIGHTS:
        groups = {}
        stem = stem_of(node) if len(TOWN[node]) == 3 else None
        for arm in TOWN[node]:
            crosses = arm is stem if stem else abs(math.sin(arm.heading)) > 0.7
            groups.setdefault(crosses, []).append(arm)
        for crosses, arms in sorted(groups.items()):
            inner = "".join(f'<control signalId="{arm.node}{arm.road}" type="0"/>' for arm in arms)
            lines.append(f'<controller id="{node}{int(crosses)}" name="{node}, phase {int(crosses)}">{inner}</controller>')
    return lines


TOWN = make_arms()


def main():
    print('<?xml version="1.0"?>\n<OpenDRIVE>\n<header revMajor="1" revMinor="6" name="own_town" version="1" north="300" south="-50" '
          'east="480" west="-50"/>')
    for road, (first, last, lanes, corner, _) in enumerate(ROADS, 1):
        print("\n".join(road_lines(road, first, last, lanes, corner)))
    junctions, next_road = [], 1000
    for node in sorted(NODES):
        roads, junction, count = junction_lines(node, next_road)
        next_road += count
        junctions += junction
        print("\n".join(roads))
    print("\n".join(controllers() + junctions))
    print("</OpenDRIVE>")


if __name__ == "__main__":
    main()
