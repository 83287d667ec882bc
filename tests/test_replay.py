"""The replay page in a real browser: it draws, seeks, plays, and shows hostile text as text.

Pages: one made here from the files of replay/ (nothing is compiled), and, where $FLOCKSTEP_REPLAY_SAMPLE names the C++
test program (build/flockstep_tests), the pages that it writes. Needs Chromium; without it the tests skip and say so,
unless $FLOCKSTEP_REQUIRE contains "chromium".
"""

import base64
import fcntl
import json
import os
import re
import select
import shutil
import struct
import subprocess
import zlib
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

REPLAY = Path(__file__).resolve().parent.parent / "replay"
HOSTILE = "</script><script>document.body.dataset.taken='1'</script><b>\"quoted\" & 'single' \\ \n"
NUM_AGENTS, NUM_FRAMES, SIZE = 6, 40, 24


@pytest.fixture(scope="session")
def chromium():
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        if "chromium" in os.environ.get("FLOCKSTEP_REQUIRE", "").split(","):
            pytest.fail("chromium is required and not installed")
        pytest.skip("chromium is not installed")
    return found


def track(points, constant=False):
    data = struct.pack(f"<{2 * len(points)}h", *(value for point in points for value in point))
    return {"bits": 16, "scale": 1, "constant": constant, "data": base64.b64encode(data).decode()}


def place(frame, agent):
    return ((frame + agent) % SIZE, 3 * agent + 2)


def goal(agent):
    return (SIZE - 1 - agent, 3 * agent + 2)


def sample_data():
    walls = bytes(0xFF if row == 0 else 0 for row in range(SIZE) for _ in range(SIZE // 8))
    visible = bytes([0xFF]) * (NUM_AGENTS * NUM_FRAMES // 8)
    return {
        "format": 1, "title": HOSTILE, "subtitle": "sample", "metrics": [["success_rate", "0.5"], [HOSTILE, HOSTILE]],
        "grid": {"height": SIZE, "width": SIZE, "obstacle": base64.b64encode(walls).decode()},
        "circles": [], "segments": [], "groups": ["walker", HOSTILE],
        "entities": [{"radius": 0.4, "group": agent % 2} for agent in range(NUM_AGENTS)],
        "num_frames": NUM_FRAMES, "frames_per_second": 20,
        "position": track([place(frame, agent) for frame in range(NUM_FRAMES) for agent in range(NUM_AGENTS)]),
        "goal": track([goal(agent) for agent in range(NUM_AGENTS)], constant=True),
        "visible": base64.b64encode(visible).decode(),
        "reward": [0.5 * (frame > 0) for frame in range(NUM_FRAMES)],
        "captions": [["arrived", *(str(frame // 4) for frame in range(NUM_FRAMES))]],
    }


def embedded(data):
    """The page as cmake/replay.cmake embeds it, around this data."""
    page, style, script = ((REPLAY / f"page.{kind}").read_text() for kind in ("html", "css", "js"))
    for old, new in {
        '<link rel="stylesheet" href="page.css">': f"<style>\n{style}</style>",
        '<script src="page.js"></script>': f"<script>\n{script}</script>",
        'type="application/json">{}': f'type="application/json">{data}',
    }.items():
        assert page.count(old) == 1
        page = page.replace(old, new)
    return page


def python_page(folder):
    data = json.dumps(sample_data()).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    page = folder / "python.html"
    page.write_text(embedded(data))
    return page


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("replay")
    found = {"python": python_page(folder)}
    program = os.environ.get("FLOCKSTEP_REPLAY_SAMPLE")
    if program:
        environment = {**os.environ, "FLOCKSTEP_TEST_OUTPUT": str(folder)}
        subprocess.run([program, "[replay]"], env=environment, check=True, stdout=subprocess.DEVNULL)
        found.update(grid=folder / "replay_grid.html", plane=folder / "replay_plane.html")
    return found


@pytest.fixture(params=["python", "grid", "plane"])
def page(request, pages):
    if request.param not in pages:
        pytest.skip("FLOCKSTEP_REPLAY_SAMPLE does not name the C++ test program")
    return pages[request.param]


class Browser:
    """Headless Chromium, spoken to over its debugging pipe (descriptors 3 and 4, messages that end in a zero byte)."""

    def __init__(self, program, folder):
        (their_in, self.to), (self.back, their_out) = os.pipe(), os.pipe()

        def place_pipes():
            high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (their_in, their_out)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        command = [
            program, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=900,560",
            "--remote-debugging-pipe", f"--user-data-dir={folder}", "about:blank",
        ]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, preexec_fn=place_pipes, pass_fds=(3, 4), **quiet)
        os.close(their_in)
        os.close(their_out)
        self.pending, self.number, self.session, self.events = b"", 0, None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=20)
        os.close(self.to)
        os.close(self.back)

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while (answer := self.receive()).get("id") != self.number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def receive(self):
        while b"\0" not in self.pending:
            ready, _, _ = select.select([self.back], [], [], 60)
            assert ready, "chromium does not answer"
            data = os.read(self.back, 1 << 16)
            assert data, "chromium has ended"
            self.pending += data
        message, self.pending = self.pending.split(b"\0", 1)
        return json.loads(message)

    def load(self, url):
        self.events = []
        loader = self.call("Page.navigate", url=url)["loaderId"]

        def is_load(event):
            params = event.get("params", {})
            return event["method"] == "Page.lifecycleEvent" and (params["name"], params["loaderId"]) == ("load", loader)

        while not any(map(is_load, self.events)):
            self.events.append(self.receive())

    def open(self, page, address=""):
        self.load("about:blank")  # or else an address that differs in its # alone would not load the page again
        self.load(page.as_uri() + address)
        assert self.run("return document.body.dataset.ready") == "1"

    def run(self, script):
        """Runs the body of an async function in the page; returns the value it returns."""
        expression = f"(async () => {{{script}}})()"
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def click(self, x, y):
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key)

    def prefer(self, theme):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])

    def screenshot(self):
        """The pixels of the middle of the stage."""
        clip = {"x": 60, "y": 100, "width": 440, "height": 340, "scale": 1}
        return read_png(base64.b64decode(self.call("Page.captureScreenshot", format="png", clip=clip)["data"]))

    def complaints(self):
        """What the page put on the console or fetched from elsewhere since it was opened."""
        self.run("return 0")
        bad = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        requests = [event["params"]["request"]["url"] for event in self.events
                    if event["method"] == "Network.requestWillBeSent"]
        return [event for event in self.events if event["method"] in bad] + [
            url for url in requests if not url.startswith(("file:", "data:", "about:"))]


def read_png(data):
    """Rows of pixels, each pixel the bytes of its channels. 8-bit, not interlaced: what Chromium writes."""
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    channels = {2: 3, 6: 4}[colour]
    assert depth == 8
    chunks, at = [], 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        chunks += [data[at + 8 : at + 8 + size]] if kind == b"IDAT" else []
        at += size + 12
    raw, stride, before, rows = zlib.decompress(b"".join(chunks)), width * channels, bytes(width * channels), []
    for start in range(0, height * (stride + 1), stride + 1):
        before = unfilter(raw[start], bytearray(raw[start + 1 : start + 1 + stride]), before, channels)
        rows.append([bytes(before[i : i + channels]) for i in range(0, stride, channels)])
    return rows


def unfilter(kind, row, above, channels):
    for i in range(len(row) if kind else 0):
        left, corner = (row[i - channels], above[i - channels]) if i >= channels else (0, 0)
        if kind == 4:  # Paeth: whichever neighbour is nearest to left + above - corner
            guess = left + above[i] - corner
            add = min((left, above[i], corner), key=lambda value: abs(guess - value))
        else:
            add = {1: left, 2: above[i], 3: (left + above[i]) // 2}[kind]
        row[i] = (row[i] + add) & 255
    return row


@pytest.fixture(scope="session")
def chromium_process(chromium, tmp_path_factory):
    running = Browser(chromium, tmp_path_factory.mktemp("chromium"))
    yield running
    running.close()


@pytest.fixture
def browser(chromium_process):
    """The shared browser; a page that complains fails its test."""
    chromium_process.prefer("light")
    yield chromium_process
    assert not chromium_process.complaints()


def test_the_page_opens_paused_where_the_address_says(browser, page):
    for address in ("?frame=7", "#frame=7"):
        browser.open(page, address)
        assert browser.run("return [replay.frame, replay.playing]") == [7, False]


def test_seek_moves_agents_counter_and_captions(browser, pages):
    browser.open(pages["python"], "#frame=3")
    for asked, wanted in ((0, 0), (1, 1), (17, 17), (1000, NUM_FRAMES - 1), (-5, 0)):
        frame, agents, counter, captions = browser.run(f"""
            replay.seek({asked});
            await new Promise(requestAnimationFrame);
            return [replay.frame, replay.agents, document.getElementById("counter").textContent,
                    document.getElementById("captions").textContent];""")
        assert frame == wanted
        assert [(agent["x"], agent["y"]) for agent in agents] == [place(wanted, i) for i in range(NUM_AGENTS)]
        assert [tuple(agent["goal"]) for agent in agents] == [goal(i) for i in range(NUM_AGENTS)]
        assert all(agent["active"] for agent in agents)
        assert counter == f"{wanted} / {NUM_FRAMES - 1}"
        assert captions.startswith(f"arrived{wanted // 4}reward")


def test_keys_step_and_play(browser, pages):
    browser.open(pages["python"], "#frame=0")
    last = NUM_FRAMES - 1
    for key, frame in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", last), ("Home", 0)):
        browser.press(key)
        assert browser.run("return replay.frame") == frame
    for playing in (True, False):
        browser.press(" ")
        assert browser.run("return replay.playing") == playing


def test_it_plays_by_itself_until_paused(browser, page):
    browser.open(page)
    wait = "await new Promise(resolve => setTimeout(resolve, 600));"
    reached = browser.run(wait + "replay.pause(); return replay.frame")
    assert reached > 0
    assert browser.run(wait + "return [replay.frame, replay.playing]") == [reached, False]


def test_without_loop_it_stops_at_the_end(browser, pages):
    browser.open(pages["python"], f"#frame={NUM_FRAMES - 3}")
    browser.press("l")
    state = browser.run("""
        replay.play();
        await new Promise(resolve => setTimeout(resolve, 600));
        return [replay.frame, replay.playing];""")
    assert state == [NUM_FRAMES - 1, False]


def test_a_click_selects_the_agent_under_it(browser, pages):
    browser.open(pages["python"], "#frame=4")
    x, y = place(4, 2)
    browser.click(*browser.run(f"""
        const box = canvas.getBoundingClientRect(), at = toScreen([{x}, {y}]);
        return [box.x + at[0], box.y + at[1]];"""))
    drawn = "await new Promise(requestAnimationFrame);"
    assert browser.run(drawn + "return document.querySelector('#selected b').textContent") == "agent 2"
    browser.press("Escape")
    assert browser.run(drawn + "return document.getElementById('selected').hidden")


def test_hostile_text_is_shown_as_text(browser, page):
    browser.open(page, "#frame=1&agent=0")
    taken, elements, text = browser.run("""
        const shown = document.getElementById("title").textContent + document.getElementById("legend").textContent;
        const elements = document.querySelectorAll("b b, h1 *, #legend b").length;
        return [document.body.dataset.taken || null, elements, shown];""")
    assert taken is None
    assert elements == 0
    assert HOSTILE in text


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_scene_is_painted_in_the_theme_of_the_system(browser, page, theme):
    browser.prefer(theme)
    browser.open(page, "#frame=5&agent=0")
    pixels = [pixel[:3] for row in browser.screenshot() for pixel in row]
    back = sum(Counter(pixels).most_common(1)[0][0])
    assert back > 600 if theme == "light" else back < 200
    vivid = {pixel for pixel in pixels if max(pixel) - min(pixel) > 90}
    assert len(vivid) >= 4, "agents should be visible in their colours"


# The page's sources


def test_the_script_is_valid_and_strict():
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    subprocess.run([node, "--check", REPLAY / "page.js"], check=True)
    assert (REPLAY / "page.js").read_text().startswith('"use strict";\n')


class Elements(HTMLParser):
    """Ids and classes of a page, and whether its elements are closed in order."""

    VOID = {"meta", "link", "input"}

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.classes = [], [], set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.classes |= set(attributes.get("class", "").split())
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_has_what_its_script_and_style_name():
    page = Elements((REPLAY / "page.html").read_text())
    script, style = ((REPLAY / f"page.{kind}").read_text() for kind in ("js", "css"))
    assert not page.open
    assert len(page.ids) == len(set(page.ids))
    assert set(re.findall(r'\$\("([\w-]+)"\)', script)) <= set(page.ids)
    selectors = re.sub(r"\{[^{}]*\}", "", style)
    assert set(re.findall(r"#([a-z][\w-]*)", selectors)) <= set(page.ids)
    for name in re.findall(r"\.([a-z][\w-]*)", selectors):
        assert name in page.classes or re.search(rf"\b{name}\b", script), name


def test_the_browser_knows_every_line_of_the_style(browser, pages):
    browser.open(pages["python"], "#frame=0")
    style = (REPLAY / "page.css").read_text()
    rules = re.findall(r"\{([^{}]*)\}", style)
    lines = [line.split(":", 1) for rule in rules for line in re.sub(r"/\*.*?\*/", "", rule, flags=re.S).split(";") if line.strip()]
    assert len(lines) > 100 and style.count("{") == style.count("}")
    lines = [(name.strip(), value.replace("!important", "").strip()) for name, value in lines]
    unknown = browser.run(f"return {json.dumps(lines)}.filter(([name, value]) => !CSS.supports(name, value))")
    assert not unknown
