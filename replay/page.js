"use strict";
const $ = id => document.getElementById(id);
const data = JSON.parse($("replay-data").textContent);
const count = data.entities.length, lastFrame = data.num_frames - 1;
const mix = (a, b, t) => [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t];
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// ---- Data: one point per frame and entity; NaN where there is none ------------------------------------------------
const bytes = base64 => Uint8Array.from(atob(base64), character => character.charCodeAt(0));
const bit = (packed, i) => (packed[i >> 3] >> (i & 7) & 1) === 1;

function decodeTrack(track) {
  if (!track) return () => [NaN, NaN];
  const buffer = bytes(track.data).buffer, none = track.bits === 16 ? -32768 : -2147483648;
  const codes = track.bits === 16 ? new Int16Array(buffer) : new Int32Array(buffer);
  const stride = track.constant ? 0 : 2 * count;
  const value = i => codes[i] === none ? NaN : codes[i] / track.scale;
  return (frame, entity) => { const i = frame * stride + 2 * entity; return [value(i), value(i + 1)]; };
}
const positionAt = decodeTrack(data.position), endAt = decodeTrack(data.end), goalAt = decodeTrack(data.goal);
const visibleBits = bytes(data.visible), obstacleBits = data.grid && bytes(data.grid.obstacle);
const visibleAt = (frame, entity) => bit(visibleBits, frame * count + entity);
const isBlocked = (row, column) => row >= 0 && column >= 0 && row < data.grid.height && column < data.grid.width
  && bit(obstacleBits, row * data.grid.width + column);
const agentIds = data.entities.flatMap((entity, i) => entity.scenery ? [] : [i]);
const sceneryIds = data.entities.flatMap((entity, i) => entity.scenery ? [i] : []);
const drawOrder = [...sceneryIds, ...agentIds.filter(i => data.entities[i].shape === "ring"),
  ...agentIds.filter(i => data.entities[i].shape !== "ring")];
const number = new Map(agentIds.map((entity, i) => [entity, i]));
const nameOf = i => data.entities[i].name || (number.has(i) ? "agent " + number.get(i) : "object");
const totals = [];
data.reward.reduce((sum, reward, i) => totals[i] = sum + reward, 0);

function sceneBox() {
  if (data.box) return data.box;
  if (data.grid) return [-0.5, data.grid.width - 0.5, -0.5, data.grid.height - 0.5];
  const box = [Infinity, -Infinity, Infinity, -Infinity];
  const cover = (x, y, r) => { if (!(x - r < Infinity && y - r < Infinity)) return;
    box[0] = Math.min(box[0], x - r); box[1] = Math.max(box[1], x + r);
    box[2] = Math.min(box[2], y - r); box[3] = Math.max(box[3], y + r); };
  for (let f = 0; f <= lastFrame; ++f) for (let i = 0; i < count; ++i) if (visibleAt(f, i))
    for (const at of [positionAt, endAt, goalAt]) cover(...at(f, i), 1.5 * data.entities[i].radius);
  for (const [x, y, r] of data.circles) cover(x, y, r);
  for (const [x0, y0, x1, y1] of data.segments) { cover(x0, y0, 0); cover(x1, y1, 0); }
  return box[0] < box[1] && box[2] < box[3] ? box : [-1, 1, -1, 1];
}
const box = sceneBox(), down = data.grid ? 1 : -1;
// Agents do not glide over a jump (a torus, a new start): between such frames they are drawn where they left.
const jump = data.grid ? 4 : 0.35 * Math.max(box[1] - box[0], box[3] - box[2]);
const isJump = (from, to) => !(Math.abs(to[0] - from[0]) <= jump && Math.abs(to[1] - from[1]) <= jump);

// ---- Colours: hues a golden angle apart, so that neighbours in number differ most ----------------------------------
let colours = {};
function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  const style = getComputedStyle(document.documentElement);
  for (const name of ["floor", "mesh", "wall", "edge", "mark", "text", "soft", "panel", "ink"])
    colours[name] = style.getPropertyValue("--" + name).trim();
  const base = theme === "dark" ? 0.76 : 0.67;
  const hue = (i, spread) => `oklch(${base + spread * ((i * 2) % 3 - 1)} ${0.175 - 0.02 * (i % 2)} `
    + `${(255 + i * 137.508) % 360})`;
  colours.groups = data.groups.map((_, i) => hue(i, 0));
  colours.entities = data.entities.map((entity, i) => entity.group >= 0 ? colours.groups[entity.group]
    : entity.scenery ? colours.soft : hue(number.get(i), 0.055));
  still.key = "";
  showLegend();
  player.drawn = -1;
  redraw();
}

// ---- View: world to screen ----------------------------------------------------------------------------------------
const canvas = $("canvas"), pen = canvas.getContext("2d");
const still = { canvas: document.createElement("canvas"), key: "" };
const view = { x: 0, y: 0, scale: 1, width: 1, height: 1, ratio: 1, fitted: true };
const toScreen = ([x, y]) =>
  [(x - view.x) * view.scale + view.width / 2, down * (y - view.y) * view.scale + view.height / 2];
const toWorld = (x, y) =>
  [(x - view.width / 2) / view.scale + view.x, down * (y - view.height / 2) / view.scale + view.y];

function fitScale() {
  const room = Math.min(26, 0.04 * Math.min(view.width, view.height));
  return Math.min((view.width - 2 * room) / (box[1] - box[0]), (view.height - 2 * room) / (box[3] - box[2]));
}
function showAll() {
  Object.assign(view, { x: (box[0] + box[1]) / 2, y: (box[2] + box[3]) / 2, scale: fitScale(), fitted: true });
}
function fit() { showAll(); redraw(); }
function zoom(factor, x = view.width / 2, y = view.height / 2) {
  const before = toWorld(x, y);
  view.scale = clamp(view.scale * factor, 0.5 * fitScale(), 60 * fitScale());
  const after = toWorld(x, y);
  view.x += before[0] - after[0]; view.y += before[1] - after[1]; view.fitted = false;
  redraw();
}
function resize() {
  const width = canvas.clientWidth || 1, height = canvas.clientHeight || 1;
  Object.assign(view, { width, height, ratio: devicePixelRatio || 1 });
  for (const target of [canvas, still.canvas]) {
    target.width = Math.round(view.width * view.ratio);
    target.height = Math.round(view.height * view.ratio);
  }
  still.key = "";
  if (view.fitted) showAll();
  draw();  // at once: a canvas of a new size is blank
}

// ---- What does not move, drawn once per view ------------------------------------------------------------------------
// Outlines of the blocked cells as closed loops of corners. Blocked is on the right hand of each edge; where two
// blocked cells touch only at a corner the loop turns right, which keeps them apart.
function traceWalls() {
  const edges = new Map(), width = data.grid.width + 1, key = (x, y) => y * width + x;
  const add = (x, y, dx, dy) => {
    if (!edges.has(key(x, y))) edges.set(key(x, y), []);
    edges.get(key(x, y)).push([dx, dy]);
  };
  for (let r = 0; r < data.grid.height; ++r) for (let c = 0; c < data.grid.width; ++c) {
    if (!isBlocked(r, c)) continue;
    if (!isBlocked(r - 1, c)) add(c, r, 1, 0);
    if (!isBlocked(r, c + 1)) add(c + 1, r, 0, 1);
    if (!isBlocked(r + 1, c)) add(c + 1, r + 1, -1, 0);
    if (!isBlocked(r, c - 1)) add(c, r + 1, 0, -1);
  }
  const loops = [];
  for (const [start, leaving] of edges) while (leaving.length) {
    let x = start % width, y = Math.floor(start / width), [dx, dy] = leaving.pop();
    const loop = [[x, y]];
    for (;;) {
      x += dx; y += dy;
      const next = edges.get(key(x, y));
      if (key(x, y) === start) break;
      const turn = next.length > 1 ? next.findIndex(([nx, ny]) => nx === -dy && ny === dx) : 0;
      const [nx, ny] = next.splice(Math.max(turn, 0), 1)[0];
      if (nx !== dx || ny !== dy) loop.push([x, y]);
      [dx, dy] = [nx, ny];
    }
    loops.push(loop);
  }
  return loops;
}
function roundedPath(loops, radius) {
  const path = new Path2D();
  for (const loop of loops) {
    const corners = loop.map(([x, y]) => [x - 0.5, y - 0.5]), n = loop.length;
    path.moveTo(...mix(corners[0], corners[n - 1], 0.5));
    corners.forEach((corner, i) => path.arcTo(...corner, ...corners[(i + 1) % n], radius));
    path.closePath();
  }
  return path;
}
const walls = data.grid && roundedPath(traceWalls(), 0.2);

function meshUnit() {
  if (data.grid) return 1;
  const wish = Math.max(box[1] - box[0], box[3] - box[2]) / 10, power = 10 ** Math.floor(Math.log10(wish));
  return power * [1, 2, 5, 10].find(step => step * power >= 0.999 * wish);
}
function drawMesh(ink) {
  const unit = meshUnit(), shift = data.grid ? -0.5 : 0;
  if (unit * view.scale < 7) return;
  ink.beginPath();
  const first = low => Math.ceil((low - shift) / unit) * unit + shift;
  for (let x = first(box[0]); x <= box[1]; x += unit) { ink.moveTo(x, box[2]); ink.lineTo(x, box[3]); }
  for (let y = first(box[2]); y <= box[3]; y += unit) { ink.moveTo(box[0], y); ink.lineTo(box[1], y); }
  ink.strokeStyle = colours.mesh; ink.lineWidth = 1 / view.scale; ink.stroke();
}
function drawStill() {
  const ink = still.canvas.getContext("2d"), k = view.ratio * view.scale, [x, y] = toScreen([0, 0]);
  ink.setTransform(1, 0, 0, 1, 0, 0);
  ink.clearRect(0, 0, still.canvas.width, still.canvas.height);
  ink.setTransform(k, 0, 0, down * k, x * view.ratio, y * view.ratio);
  ink.lineWidth = 1 / view.scale; ink.lineCap = "round";
  const margin = 5 / view.scale;
  ink.beginPath();
  ink.roundRect(box[0] - margin, box[2] - margin, box[1] - box[0] + 2 * margin, box[3] - box[2] + 2 * margin, margin);
  ink.fillStyle = colours.floor; ink.fill(); ink.strokeStyle = colours.wall; ink.stroke();
  drawMesh(ink);
  ink.fillStyle = colours.wall; ink.strokeStyle = colours.edge;
  if (walls) { ink.fill(walls); if (view.scale > 8) { ink.lineWidth = 1 / view.scale; ink.stroke(walls); } }
  for (const [cx, cy, r] of data.circles) { ink.beginPath(); ink.arc(cx, cy, r, 0, 7); ink.fill(); }
  ink.beginPath();
  for (const [x0, y0, x1, y1] of data.segments) { ink.moveTo(x0, y0); ink.lineTo(x1, y1); }
  ink.lineWidth = 2.5 / view.scale; ink.strokeStyle = colours.wall; ink.stroke();
}

// ---- What moves -----------------------------------------------------------------------------------------------------
const player = { time: 0, playing: false, speed: 1, loop: true, paths: true, goals: true,
  selected: -1, hovered: -1, drawn: -1 };
const frameNow = () => Math.min(Math.floor(player.time + 1e-6), lastFrame);

// Where an entity is between two frames: place, end and how much of it shows (it fades when it comes or goes).
function poseAt(i, frame, part) {
  const shown = visibleAt(frame, i), place = positionAt(frame, i), end = endAt(frame, i);
  if (part <= 0 || frame >= lastFrame) return { place, end, alpha: shown ? 1 : 0 };
  const next = positionAt(frame + 1, i), stays = visibleAt(frame + 1, i);
  if (shown && !stays) return { place, end, alpha: 1 - part };
  if (!shown && stays) return { place: next, end: endAt(frame + 1, i), alpha: part };
  if (isJump(place, next)) return { place, end, alpha: shown ? 1 : 0 };
  return { place: mix(place, next, part), end: mix(end, endAt(frame + 1, i), part), alpha: shown ? 1 : 0 };
}
// A line through the places of frames first..last, broken where the entity is away or jumps.
function tracePath(i, first, last, tail) {
  let before = null;
  pen.beginPath();
  for (let f = Math.max(first, 0); f <= last; ++f) {
    const place = visibleAt(f, i) ? positionAt(f, i) : null;
    if (place) before && !isJump(before, place) ? pen.lineTo(...toScreen(place)) : pen.moveTo(...toScreen(place));
    before = place;
  }
  if (tail && before && !isJump(before, tail)) pen.lineTo(...toScreen(tail));
}
function drawTrails(frame, poses) {
  const many = agentIds.length > 200, length = many ? 5 : 12, layers = many ? [1, 0.5] : [1, 0.8, 0.6, 0.4, 0.25, 0.1];
  pen.globalAlpha = 0.55 / (layers.length + 1);
  for (const i of agentIds) {
    if (poses[i].alpha === 0 || i === player.selected || data.entities[i].shape === "line") continue;
    pen.strokeStyle = colours.entities[i];
    pen.lineWidth = clamp(0.7 * data.entities[i].radius * view.scale, 1.5, 9);
    for (const part of layers) { tracePath(i, frame - Math.ceil(length * part), frame, poses[i].place); pen.stroke(); }
  }
}
const atGoal = (i, place, goal) => Math.hypot(place[0] - goal[0], place[1] - goal[1]) < data.entities[i].radius;
function drawGoals(frame, poses) {
  for (const i of agentIds) {
    const goal = goalAt(frame, i);
    if (!(goal[0] < Infinity) || poses[i].alpha === 0) continue;
    const [x, y] = toScreen(goal), radius = Math.max(data.entities[i].radius * view.scale, 2.5);
    pen.globalAlpha = player.selected >= 0 && i !== player.selected ? 0.45 : 0.95;
    pen.strokeStyle = colours.entities[i]; pen.lineWidth = clamp(0.22 * radius, 1.2, 4);
    pen.beginPath(); pen.arc(x, y, 0.88 * radius, 0, 7); pen.stroke();
  }
}
function drawSelected(frame, part, pose, i) {
  const tail = pose.place, goal = goalAt(frame, i);
  pen.strokeStyle = colours.entities[i];
  pen.lineWidth = clamp(0.34 * data.entities[i].radius * view.scale, 2, 5);
  pen.globalAlpha = 0.3;
  tracePath(i, frame, lastFrame, null); pen.stroke();
  pen.globalAlpha = 0.95;
  tracePath(i, 0, frame, tail); pen.stroke();
  if (!(goal[0] < Infinity) || !player.goals) return;
  pen.globalAlpha = 0.8; pen.strokeStyle = colours.text; pen.lineWidth = 1.25; pen.setLineDash([2, 5]);
  pen.beginPath(); pen.moveTo(...toScreen(tail)); pen.lineTo(...toScreen(goal)); pen.stroke(); pen.setLineDash([]);
}
function outline(entity, x, y, radius, angle) {
  pen.beginPath();
  if (entity.shape !== "square") { pen.arc(x, y, radius, 0, 7); return; }
  const half = radius * (entity.aspect || 1);
  pen.save(); pen.translate(x, y); pen.rotate(angle);
  pen.roundRect(-half, -radius, 2 * half, 2 * radius, 0.28 * radius);
  pen.restore();
}
function drawEntity(i, pose, frame) {
  const entity = data.entities[i], [x, y] = toScreen(pose.place), [ex, ey] = toScreen(pose.end);
  const colour = colours.entities[i], least = entity.shape === "line" ? 0.75 : 2.2;
  const radius = Math.max(entity.radius * view.scale, least);
  const faces = ex < Infinity && (ex !== x || ey !== y), angle = faces ? Math.atan2(ey - y, ex - x) : 0;
  pen.globalAlpha = pose.alpha; pen.fillStyle = colour; pen.strokeStyle = colour;
  if (entity.shape === "line") {
    pen.lineWidth = 2 * radius; pen.beginPath(); pen.moveTo(x, y); pen.lineTo(ex, ey); pen.stroke();
    return;
  }
  outline(entity, x, y, radius, angle);
  if (entity.shape === "ring") { pen.lineWidth = Math.max(0.2 * radius, 1.5); pen.stroke(); }
  else {
    pen.fill();
    if (radius > 3) { pen.lineWidth = clamp(0.12 * radius, 0.75, 2); pen.strokeStyle = colours.mark; pen.stroke(); }
    const goal = goalAt(frame, i);
    if (faces && entity.shape !== "square") {
      pen.strokeStyle = colours.ink; pen.lineWidth = Math.max(0.22 * radius, 1.2); pen.beginPath();
      pen.moveTo(x + 0.25 * radius * Math.cos(angle), y + 0.25 * radius * Math.sin(angle));
      pen.lineTo(x + 0.8 * radius * Math.cos(angle), y + 0.8 * radius * Math.sin(angle)); pen.stroke();
    } else if (player.goals && radius > 3 && atGoal(i, pose.place, goal)) {
      pen.fillStyle = colours.mark; pen.beginPath(); pen.arc(x, y, 0.42 * radius, 0, 7); pen.fill();
      return;
    }
  }
  const label = entity.label || (radius >= 13 && data.grid && number.has(i) ? String(number.get(i)) : "");
  if (!label || radius < 7) return;
  pen.fillStyle = entity.shape === "ring" ? colours.text : colours.ink;
  const size = clamp(Math.min(radius, 2.1 * radius / label.length), 8, 28);
  pen.font = `600 ${size}px system-ui, "Liberation Sans", Arial, sans-serif`;
  pen.fillText(label, x, y + 0.06 * radius);
}
function drawHalo(i, pose) {
  const [x, y] = toScreen(pose.place), radius = Math.max(data.entities[i].radius * view.scale, 3);
  pen.globalAlpha = 1; pen.strokeStyle = colours.text; pen.lineWidth = 2;
  outline(data.entities[i], x, y, radius + 3.5, 0); pen.stroke();
}
let scheduled = false;
function redraw() { if (!scheduled) { scheduled = true; requestAnimationFrame(draw); } }
function draw() {
  scheduled = false;
  const frame = frameNow(), part = player.time - frame, key = [view.x, view.y, view.scale].join();
  if (still.key !== key) { drawStill(); still.key = key; }
  const poses = data.entities.map((_, i) => poseAt(i, frame, part));
  pen.setTransform(1, 0, 0, 1, 0, 0); pen.globalAlpha = 1;
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(still.canvas, 0, 0);
  pen.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
  Object.assign(pen, { lineCap: "round", lineJoin: "round", textAlign: "center", textBaseline: "middle" });
  if (player.paths) drawTrails(frame, poses);
  if (player.goals) drawGoals(frame, poses);
  const shown = player.selected >= 0 ? player.selected : player.hovered;
  if (shown >= 0) drawSelected(frame, part, poses[shown], shown);
  for (const i of drawOrder) if (poses[i].alpha > 0) drawEntity(i, poses[i], frame);
  for (const i of new Set([player.selected, player.hovered])) if (i >= 0 && poses[i].alpha > 0) drawHalo(i, poses[i]);
  if (player.drawn !== frame) showPanel(frame);
  document.body.dataset.ready = "1";
}

// ---- The panel ------------------------------------------------------------------------------------------------------
const round = value => String(Math.round(value * 1000) / 1000);
const point = ([x, y]) => data.grid ? `row ${round(y)}, column ${round(x)}` : `${round(x)}, ${round(y)}`;
function element(tag, text) { const made = document.createElement(tag); made.textContent = text; return made; }
const pairs = list => list.flatMap(([name, value]) => [element("dt", name), element("dd", value)]);

function showPanel(frame) {
  player.drawn = frame;
  const texts = data.captions.map(column => [column[0], column[frame + 1]]).filter(pair => pair[1] !== null);
  const active = agentIds.filter(i => visibleAt(frame, i)).length;
  $("step").textContent = frame;
  $("captions").replaceChildren(...pairs([...texts,
    ["reward", round(data.reward[frame])], ["return", round(totals[frame])],
    ...(active < agentIds.length ? [["agents here", `${active} of ${agentIds.length}`]] : [])]));
  $("counter").replaceChildren(String(frame), element("em", " / " + lastFrame));
  $("scrub").value = frame;
  $("scrub").style.setProperty("--done", (lastFrame ? 100 * frame / lastFrame : 100) + "%");
  showChart(frame);
  document.querySelectorAll("#legend em").forEach((text, group) => {
    text.textContent = data.entities.filter((entity, i) => entity.group === group && visibleAt(frame, i)).length;
  });
  showSelected(frame);
}
function showSelected(frame) {
  const i = player.selected;
  $("selected").hidden = i < 0;
  if (i < 0) return;
  const goal = goalAt(frame, i), place = positionAt(frame, i), group = data.entities[i].group;
  $("selected").querySelector("i").style.background = colours.entities[i];
  $("selected").querySelector("b").textContent = nameOf(i);
  $("selected").querySelector("dl").replaceChildren(...pairs([
    ...(group >= 0 ? [["group", data.groups[group]]] : []),
    ["at", visibleAt(frame, i) ? point(place) : "not here"],
    ...(goal[0] < Infinity ? [["goal", point(goal)], ["reached", atGoal(i, place, goal) ? "yes" : "not yet"]] : [])]));
}
const low = totals.reduce((a, b) => Math.min(a, b), 0), high = totals.reduce((a, b) => Math.max(a, b), 0);
const chartX = frame => lastFrame ? 100 * frame / lastFrame : 0;
const chartY = value => high > low ? 96 - 92 * (value - low) / (high - low) : 50;
function chartPath(frames) {
  const stride = Math.ceil(totals.length / 600);
  return "M" + frames.filter((f, i) => f % stride === 0 || i === frames.length - 1)
    .map(f => chartX(f).toFixed(2) + " " + chartY(totals[f]).toFixed(2)).join("L");
}
const allFrames = totals.map((_, i) => i);
function showChart(frame) {
  const [area, , past] = $("chart").querySelectorAll("path"), line = $("chart").querySelector("line");
  const x = chartX(frame);
  const path = chartPath(allFrames.slice(0, frame + 1));
  past.setAttribute("d", path);
  area.setAttribute("d", `${path}L${x} ${chartY(0)}L0 ${chartY(0)}Z`);
  line.setAttribute("x1", x); line.setAttribute("x2", x);
}
function showTexts() {
  document.title = data.title || "replay";
  $("title").textContent = data.title; $("subtitle").textContent = data.subtitle;
  $("metrics").replaceChildren(...data.metrics.map(([name, value]) => {
    const tile = document.createElement("div");
    tile.append(element("span", name), element("b", value));
    return tile;
  }));
  $("metrics-card").hidden = !data.metrics.length; $("legend-card").hidden = !data.groups.length;
  $("chart-card").hidden = high === low;
  $("chart").querySelectorAll("path")[1].setAttribute("d", chartPath(allFrames));
  $("goals").hidden = !data.goal; $("scrub").max = lastFrame;
  $("hint").textContent = !agentIds.length ? "" : (data.goal ? "A ring is the goal of the agent of its colour. " : "")
    + "Click an agent to follow it; scroll to zoom, drag to move.";
}
function showLegend() {
  $("legend").replaceChildren(...data.groups.map((name, group) => {
    const row = document.createElement("div"), dot = document.createElement("i");
    row.className = "row"; dot.style.background = colours.groups[group];
    row.append(dot, element("span", name), document.createElement("em"));
    return row;
  }));
}

// ---- Playback -------------------------------------------------------------------------------------------------------
let clock = 0, pause = 0, nextTick = 0;
function tick(now) {
  if (!player.playing) return;
  const elapsed = clamp((now - (clock || now)) / 1000, 0, 0.25);
  clock = now;
  if (player.time < lastFrame) {
    player.time = Math.min(player.time + elapsed * data.frames_per_second * player.speed, lastFrame);
    pause = 0;
  } else if (!player.loop) {
    setPlaying(false);
  } else if ((pause += elapsed) > 1) {  // a look at the last frame before it starts again
    player.time = 0;
  }
  redraw();
  nextTick = requestAnimationFrame(tick);
}
function setPlaying(playing) {
  playing = playing && lastFrame > 0;
  if (playing && !player.playing) {
    if (player.time >= lastFrame) player.time = 0;
    clock = pause = 0;
    cancelAnimationFrame(nextTick);
    nextTick = requestAnimationFrame(tick);
  }
  player.playing = playing;
  document.body.classList.toggle("playing", playing);
}
function seek(frame) { player.time = clamp(Math.round(Number(frame)) || 0, 0, lastFrame); pause = 0; redraw(); }
function stepBy(frames) { setPlaying(false); seek(frameNow() + frames); }
function select(i) { player.selected = i in data.entities ? Number(i) : -1; player.drawn = -1; redraw(); }
function toggle(name) {
  player[name] = !player[name];
  $(name).setAttribute("aria-pressed", player[name]);
  redraw();
}
const flipTheme = () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");

// ---- Pointer and keys -----------------------------------------------------------------------------------------------
function entityNear(x, y) {
  const frame = frameNow(), part = player.time - frame;
  let best = -1, nearest = Infinity;
  for (const i of agentIds) {
    const pose = poseAt(i, frame, part);
    if (pose.alpha === 0) continue;
    const [ax, ay] = toScreen(data.entities[i].shape === "line" ? mix(pose.place, pose.end, 0.6) : pose.place);
    const distance = Math.hypot(ax - x, ay - y) - Math.max(data.entities[i].radius * view.scale, 9);
    if (distance < Math.min(nearest, 0)) { nearest = distance; best = i; }
  }
  return best;
}
function hover(i, x, y) {
  $("tip").hidden = i < 0;
  canvas.classList.toggle("pointing", i >= 0);
  if (i >= 0) { $("tip").textContent = nameOf(i); $("tip").style.left = x + "px"; $("tip").style.top = y + "px"; }
  if (player.hovered !== i) { player.hovered = i; redraw(); }
}
const pointers = new Map();
let moved = 0;
canvas.addEventListener("pointerdown", event => {
  canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
  moved = 0;
});
canvas.addEventListener("pointermove", event => {
  const here = [event.offsetX, event.offsetY], before = pointers.get(event.pointerId);
  if (!before) return hover(entityNear(...here), ...here);
  if (pointers.size === 2) {
    const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
    const span = finger => Math.hypot(finger[0] - other[0], finger[1] - other[1]);
    zoom(span(here) / Math.max(span(before), 1), ...other);
  }
  moved += Math.abs(here[0] - before[0]) + Math.abs(here[1] - before[1]);
  pointers.set(event.pointerId, here);
  if (moved < 4 || pointers.size > 1) return;
  canvas.classList.add("panning");
  view.x -= (here[0] - before[0]) / view.scale;
  view.y -= down * (here[1] - before[1]) / view.scale;
  view.fitted = false;
  hover(-1); redraw();
});
for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, event => {
  pointers.delete(event.pointerId);
  canvas.classList.remove("panning");
  if (name === "pointerup" && moved < 4) select(entityNear(event.offsetX, event.offsetY));
});
canvas.addEventListener("pointerleave", () => hover(-1));
canvas.addEventListener("dblclick", fit);
canvas.addEventListener("wheel", event => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event.offsetX, event.offsetY);
}, { passive: false });
$("chart").addEventListener("click", event => {
  setPlaying(false);
  seek(lastFrame * event.offsetX / $("chart").clientWidth);
});

const keys = {
  " ": () => setPlaying(!player.playing), Home: () => stepBy(-lastFrame), End: () => stepBy(lastFrame),
  ArrowLeft: event => stepBy(event.shiftKey ? -10 : -1), ArrowRight: event => stepBy(event.shiftKey ? 10 : 1),
  l: () => toggle("loop"), p: () => toggle("paths"), g: () => toggle("goals"), Escape: () => select(-1),
  f: fit, "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8),
};
addEventListener("keydown", event => {
  const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select")) return;
  if (event.key === " " && event.target.closest("button")) return;
  event.preventDefault();
  action(event);
});
const actions = {
  play: () => setPlaying(!player.playing), back: () => stepBy(-1), forward: () => stepBy(1),
  loop: () => toggle("loop"), paths: () => toggle("paths"), goals: () => toggle("goals"), clear: () => select(-1),
  fit, "zoom-in": () => zoom(1.25), "zoom-out": () => zoom(0.8), theme: flipTheme,
};
for (const [id, action] of Object.entries(actions)) $(id).addEventListener("click", event => {
  action();
  if (event.detail) $(id).blur();  // after a mouse click the space bar plays again
});
$("scrub").addEventListener("input", () => { setPlaying(false); seek($("scrub").value); });
$("speed").addEventListener("change", () => { player.speed = Number($("speed").value); $("speed").blur(); });

// ---- Start ----------------------------------------------------------------------------------------------------------
/// For tests and for pages around this one. agents: those of the current frame, in order, with place and goal.
window.replay = {
  title: data.title, num_frames: data.num_frames, seek, fit, zoom, select: agent => select(agentIds[agent]),
  play: () => setPlaying(true), pause: () => setPlaying(false),
  get frame() { return frameNow(); },
  get playing() { return player.playing; },
  get agents() {
    return agentIds.map(i => {
      const [x, y] = positionAt(frameNow(), i), goal = goalAt(frameNow(), i);
      return { name: nameOf(i), x, y, active: visibleAt(frameNow(), i), goal: goal[0] < Infinity ? goal : null };
    });
  },
};
function applyAddress() {
  const options = new URLSearchParams(location.search.slice(1) + "&" + location.hash.slice(1));
  if (options.has("theme")) setTheme(options.get("theme") === "dark" ? "dark" : "light");
  if (options.has("agent")) select(agentIds[Number(options.get("agent"))]);
  if (options.has("frame")) { setPlaying(false); seek(options.get("frame")); }
  return options.has("frame");
}
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const followSystem = () => setTheme(prefersDark.matches ? "dark" : "light");
followSystem();
prefersDark.addEventListener("change", followSystem);
addEventListener("hashchange", applyAddress);
showTexts();
const openPaused = applyAddress() || matchMedia("(prefers-reduced-motion: reduce)").matches;
resize();
new ResizeObserver(resize).observe(canvas);
if (!openPaused) setPlaying(true);
