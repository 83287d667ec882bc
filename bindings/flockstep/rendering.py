"""Worlds as images, drawn by Pillow from the same shapes as the replay page: render() of every environment.

Sizes and colours are the page's, in its light theme; tests hold the two to each other.
"""

import math

import numpy as np

from .checks import shown

FLOOR, WALL, SCENERY, MARK, INK, TEXT = "#ffffff", "#8e9bad", "#667386", "#ffffff", "#10161f", "#1b2430"
FINENESS = 3  # pixels painted for each pixel shown, along each side
MARGIN = 0.04  # of the shorter side, around the scene


def paint(frame, size=480):
    """An image of what Batch.draw returned: uint8 [height, width, 3].

    size: pixels of the longer side, 16 to 8192; both sides come out even, as video wants them. Raises ImportError where
    Pillow is not installed, ValueError for another size.
    """
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        raise ImportError("rendering in Python needs Pillow: pip install 'flockstep[render]'") from None
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or not 16 <= size <= 8192:
        raise ValueError(f"size: got {shown(size)}, want an integer from 16 to 8192")
    canvas = Canvas(frame, int(size))
    image = Image.new("RGB", canvas.pixels, FLOOR)
    canvas.pen = ImageDraw.Draw(image)
    for shape in frame["shapes"]:
        PAINTERS[shape["kind"]](canvas, shape)
    return np.asarray(image.reduce(FINENESS))


class Canvas:
    """The page's view of a scene: where world coordinates lie, in painted pixels."""

    def __init__(self, frame, size):
        self.x_min, x_max, self.y_min, y_max = frame["box"]
        width, height = x_max - self.x_min, y_max - self.y_min
        longer = max(width, height)
        sides = [max(2 * round(size * side / longer / 2), 16) for side in (width, height)]
        self.pixels = tuple(FINENESS * side for side in sides)
        room = FINENESS * MARGIN * min(sides)
        self.scale = min((self.pixels[0] - 2 * room) / width, (self.pixels[1] - 2 * room) / height)
        self.middle = (self.x_min + width / 2, self.y_min + height / 2)
        self.is_grid = frame["y_down"]
        self.down = 1 if self.is_grid else -1
        self.pen = None

    def place(self, point):
        return (
            (point[0] - self.middle[0]) * self.scale + self.pixels[0] / 2,
            self.down * (point[1] - self.middle[1]) * self.scale + self.pixels[1] / 2,
        )

    def radius(self, shape, least=2.2):
        return max(shape["radius"] * self.scale, least * FINENESS)

    def disc(self, at, radius, **ink):
        x, y = at
        self.pen.ellipse((x - radius, y - radius, x + radius, y + radius), **ink)

    def ring(self, at, radius, colour, width):
        """A circle whose line lies half inside of `radius` and half outside, as a browser's does."""
        self.disc(at, radius + width / 2, outline=colour, width=max(round(width), 1))

    def line(self, begin, end, colour, width):
        self.pen.line((*begin, *end), fill=colour, width=max(round(width), 1))
        for at in (begin, end):  # round ends
            self.disc(at, width / 2, fill=colour)


def clamp(value, low, high):
    """In shown pixels, given and returned in painted ones."""
    return min(max(value, low * FINENESS), high * FINENESS)


def paint_wall(canvas, shape):
    (x0, y0), (x1, y1) = canvas.place(shape["at"]), canvas.place(shape["end"])
    canvas.pen.rectangle((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), fill=WALL)


def paint_circle(canvas, shape):
    canvas.disc(canvas.place(shape["at"]), shape["radius"] * canvas.scale, fill=WALL)


def paint_segment(canvas, shape):
    canvas.line(canvas.place(shape["at"]), canvas.place(shape["end"]), WALL, 2.5 * FINENESS)


def paint_goal(canvas, shape):
    radius = canvas.radius(shape, 2.5)
    colour = tuple(round(0.95 * channel + 0.05 * 255) for channel in colour_of(shape))  # nearly opaque on the floor
    canvas.ring(canvas.place(shape["at"]), 0.88 * radius, colour, clamp(0.22 * radius, 1.2, 4))


def paint_line(canvas, shape):
    canvas.line(canvas.place(shape["at"]), canvas.place(shape["end"]), colour_of(shape), 2 * canvas.radius(shape, 0.75))


def paint_ring(canvas, shape):
    radius = canvas.radius(shape)
    canvas.ring(canvas.place(shape["at"]), radius, colour_of(shape), max(0.2 * radius, 1.5 * FINENESS))
    paint_label(canvas, shape, radius)


def paint_disc(canvas, shape):
    at, radius = canvas.place(shape["at"]), canvas.radius(shape)
    canvas.disc(at, radius, fill=colour_of(shape))
    if radius > 3 * FINENESS:
        canvas.ring(at, radius, MARK, clamp(0.12 * radius, 0.75, 2))
    angle = heading(canvas, shape)
    if angle is not None:
        begin, end = ((at[0] + far * radius * math.cos(angle), at[1] + far * radius * math.sin(angle)) for far in (0.25, 0.8))
        canvas.line(begin, end, INK, max(0.22 * radius, 1.2 * FINENESS))
    elif shape["is_at_goal"] and radius > 3 * FINENESS:
        canvas.disc(at, 0.42 * radius, fill=MARK)
        return
    paint_label(canvas, shape, radius)


def paint_square(canvas, shape):
    (x, y), radius, angle = canvas.place(shape["at"]), canvas.radius(shape), heading(canvas, shape) or 0.0
    half, cosine, sine = radius * shape["aspect"], math.cos(angle), math.sin(angle)
    corners = [(x + a * half * cosine - b * radius * sine, y + a * half * sine + b * radius * cosine) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    canvas.pen.polygon(corners, fill=colour_of(shape))
    if shape["is_at_goal"] and radius > 3 * FINENESS:
        canvas.disc((x, y), 0.42 * radius, fill=MARK)
        return
    paint_label(canvas, shape, radius)


def heading(canvas, shape):
    """The angle on the picture towards the shape's end, or None."""
    if shape["end"] is None or tuple(shape["end"]) == tuple(shape["at"]):
        return None
    (x, y), (end_x, end_y) = canvas.place(shape["at"]), canvas.place(shape["end"])
    return math.atan2(end_y - y, end_x - x)


def paint_label(canvas, shape, radius):
    is_numbered = canvas.is_grid and shape["agent"] >= 0 and radius >= 13 * FINENESS
    label = shape["label"] or (str(shape["agent"]) if is_numbered else "")
    if not label or radius < 7 * FINENESS:
        return
    size = clamp(min(radius, 2.1 * radius / len(label)), 8, 28)
    ink = TEXT if shape["kind"] == "ring" else INK
    canvas.pen.text(canvas.place(shape["at"]), label, fill=ink, anchor="mm", font_size=size)


PAINTERS = {
    "wall": paint_wall,
    "circle": paint_circle,
    "segment": paint_segment,
    "goal": paint_goal,
    "line": paint_line,
    "ring": paint_ring,
    "disc": paint_disc,
    "square": paint_square,
}


def colour_of(shape):
    """The page's colour: hues a golden angle apart, so that neighbours in number differ most."""
    whose, number = shape["colour"]
    if whose in ("wall", "scenery"):
        return WALL if whose == "wall" else SCENERY
    spread = 0.055 if whose == "agent" else 0.0
    return oklch(0.67 + spread * (number * 2 % 3 - 1), 0.175 - 0.02 * (number % 2), (255 + number * 137.508) % 360)


def oklch(lightness, chroma, hue):
    """A colour of CSS Color 4's oklch() as sRGB bytes, what lies outside clipped."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    cone = (
        lightness + 0.3963377774 * a + 0.2158037573 * b,
        lightness - 0.1055613458 * a - 0.0638541728 * b,
        lightness - 0.0894841775 * a - 1.2914855480 * b,
    )
    long, middle, short = (value**3 for value in cone)
    linear = (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
    return tuple(round(255 * min(max(12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055, 0), 1)) for v in linear)
