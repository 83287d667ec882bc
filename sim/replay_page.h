#pragma once

namespace flockstep {

/// The replay page up to its data: looks and layout. A page is this, the JSON of the episode, and then `replay_script`.
inline constexpr char replay_page[] = R"page(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
      content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='5' cy='5' r='4' fill='%233b82f6'/%3E%3Ccircle cx='11' cy='11' r='4' fill='%23f59e0b'/%3E%3C/svg%3E">
<title>replay</title>
<style>
:root {
  --back: #f3f5f8; --panel: #ffffff; --line: #e1e6ed; --text: #1b2430; --soft: #667386; --accent: #2563eb;
  --raised: #f6f8fb; --shade: 0 1px 2px rgb(20 30 50 / .05), 0 6px 20px rgb(20 30 50 / .06);
  --floor: #ffffff; --mesh: #eef1f5; --wall: #8e9bad; --edge: #7b899c; --mark: #ffffff; --ink: #10161f;
  color-scheme: light;
}
:root[data-theme="dark"] {
  --back: #0b0e13; --panel: #12161d; --line: #222935; --text: #e6ebf2; --soft: #8b97a8; --accent: #6aa5ff;
  --raised: #181d26; --shade: 0 1px 2px rgb(0 0 0 / .4), 0 8px 24px rgb(0 0 0 / .25);
  --floor: #141922; --mesh: #1c222d; --wall: #3a4556; --edge: #4a576b; --mark: #0d1117; --ink: #0b0e13;
  color-scheme: dark;
}
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body {
  display: grid; grid-template: auto minmax(0, 1fr) auto / minmax(0, 1fr) 296px; gap: 12px; padding: 14px 16px;
  background: var(--back); color: var(--text);
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif;
}
header { grid-column: 1 / -1; display: flex; align-items: baseline; gap: 12px; min-width: 0; }
h1 { margin: 0; font-size: 18px; font-weight: 650; letter-spacing: -.01em; white-space: nowrap;
     overflow: hidden; text-overflow: ellipsis; }
#subtitle { flex: 1; color: var(--soft); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
#stage, #bar, aside > section { background: var(--panel); border: 1px solid var(--line); border-radius: 12px;
                                box-shadow: var(--shade); }
#stage { position: relative; overflow: hidden; min-height: 220px; }
canvas { position: absolute; inset: 0; width: 100%; height: 100%; touch-action: none; cursor: grab;
         outline-offset: -3px; }
canvas.panning { cursor: grabbing; }
canvas.pointing { cursor: pointer; }
#zoom { display: flex; border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
#zoom button { border-radius: 0; min-width: 28px; height: 32px; padding: 0 7px; }
#tip { position: absolute; pointer-events: none; padding: 4px 9px; border-radius: 7px; background: var(--text);
       color: var(--panel); font-size: 12px; white-space: nowrap; transform: translate(-50%, calc(-100% - 14px)); }
aside { display: flex; flex-direction: column; gap: 12px; overflow: auto; min-height: 0; }
aside > section { padding: 12px 14px; flex: none; }
h2 { margin: 0 0 8px; font-size: 11px; font-weight: 600; letter-spacing: .07em; text-transform: uppercase;
     color: var(--soft); }
#metrics { display: grid; grid-template-columns: 1fr 1fr; gap: 8px; }
#metrics > div { padding: 7px 10px; border-radius: 8px; background: var(--raised); min-width: 0; }
#metrics span, dl dt { color: var(--soft); font-size: 12px; }
#metrics span { display: block; overflow-wrap: anywhere; }
#metrics b { font-size: 18px; font-weight: 620; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 3px 14px; margin: 0; align-items: baseline; }
dl dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
#chart { display: block; width: 100%; height: 84px; cursor: pointer; overflow: visible; }
#chart path { fill: none; stroke: var(--accent); vector-effect: non-scaling-stroke; stroke-linejoin: round; }
#chart .area { fill: var(--accent); opacity: .12; stroke: none; }
#chart .past { stroke-width: 2; }
#chart .all { stroke-width: 1.5; opacity: .35; }
#chart line { stroke: var(--soft); stroke-width: 1; vector-effect: non-scaling-stroke; opacity: .6; }
.row { display: flex; align-items: center; gap: 8px; }
.row + .row { margin-top: 4px; }
.row i { flex: none; width: 12px; height: 12px; border-radius: 50%; }
.row span { flex: 1; min-width: 0; overflow-wrap: anywhere; }
.row em, #hint { font-style: normal; color: var(--soft); font-variant-numeric: tabular-nums; }
#hint { font-size: 12.5px; }
#selected .row b { flex: 1; }
#selected dl { margin-top: 6px; }
#bar { grid-column: 1 / -1; display: flex; align-items: center; gap: 6px; padding: 8px 12px; flex-wrap: wrap; }
button, select { font: inherit; font-size: 13px; color: var(--text); background: none; border: 0; border-radius: 8px;
                 min-width: 34px; height: 34px; padding: 0 9px; cursor: pointer; display: inline-flex;
                 align-items: center; justify-content: center; }
select { background: var(--raised); border: 1px solid var(--line); }
select option { background: var(--panel); }
button:hover { background: var(--raised); }
button:focus-visible, select:focus-visible, input:focus-visible,
canvas:focus-visible { outline: 2px solid var(--accent); }
button svg { width: 18px; height: 18px; fill: currentColor; pointer-events: none; }
#play { width: 40px; height: 40px; border-radius: 50%; background: var(--accent); color: var(--panel); }
#play:hover { filter: brightness(1.08); }
#play .pause, body.playing #play .start { display: none; }
body.playing #play .pause { display: block; }
.toggle { color: var(--soft); border: 1px solid transparent; }
.toggle[aria-pressed="true"] { color: var(--accent); background: var(--raised); border-color: var(--line); }
#counter { min-width: 86px; text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
#counter em { font-style: normal; color: var(--soft); }
#scrub { flex: 1; min-width: 120px; height: 20px; margin: 0 8px; background: none; appearance: none; cursor: pointer;
         border-radius: 6px; }
#scrub::-webkit-slider-runnable-track { height: 5px; border-radius: 3px;
  background: linear-gradient(90deg, var(--accent) var(--done, 0%), var(--line) var(--done, 0%)); }
#scrub::-webkit-slider-thumb { appearance: none; width: 15px; height: 15px; margin-top: -5px; border-radius: 50%;
  background: var(--accent); border: 2px solid var(--panel); box-shadow: 0 0 0 1px var(--accent); }
#scrub::-moz-range-track { height: 5px; border-radius: 3px; background: var(--line); }
#scrub::-moz-range-progress { height: 5px; border-radius: 3px; background: var(--accent); }
#scrub::-moz-range-thumb { width: 12px; height: 12px; border: 2px solid var(--panel); background: var(--accent); }
[hidden] { display: none !important; }
@media (max-width: 800px) {
  body { height: auto; grid-template: auto 62vh auto auto / minmax(0, 1fr); padding: 10px; }
  header { flex-wrap: wrap; gap: 0 12px; }
  #bar { grid-row: 3; }
  #zoom { display: none; }
  #scrub { order: -1; flex-basis: 100%; margin: 0; }
}
</style>
</head>
<body>
<header>
  <h1 id="title"></h1><span id="subtitle"></span>
  <button id="theme" title="Light or dark" aria-label="Light or dark">
    <svg viewBox="0 0 20 20"><path d="M10 2a8 8 0 1 0 0 16 8 8 0 0 0 0-16m0 2v12a6 6 0 0 1 0-12"/></svg>
  </button>
</header>
<div id="stage">
  <canvas id="canvas" tabindex="0" aria-label="Scene of the episode"></canvas>
  <div id="tip" hidden></div>
</div>
<aside>
  <section id="metrics-card"><h2>Episode</h2><div id="metrics"></div></section>
  <section id="chart-card"><h2>Return so far</h2>
    <svg id="chart" viewBox="0 0 100 100" preserveAspectRatio="none">
      <path class="area"/><path class="all"/><path class="past"/><line y1="0" y2="100"/>
    </svg>
  </section>
  <section><h2>Step <span id="step"></span></h2><dl id="captions"></dl></section>
  <section id="legend-card"><h2>Groups</h2><div id="legend"></div></section>
  <section id="selected" hidden><h2>Selected</h2>
    <div class="row"><i></i><b></b><button id="clear" title="Clear (Esc)" aria-label="Clear">&times;</button></div>
    <dl></dl>
  </section>
  <div id="hint"></div>
</aside>
<div id="bar">
  <button id="back" title="Step back (left)" aria-label="Step back">
    <svg viewBox="0 0 20 20"><path d="M4 4h2.4v12H4zm12 0v12L7.5 10z"/></svg>
  </button>
  <button id="play" title="Play or pause (space)" aria-label="Play or pause">
    <svg class="start" viewBox="0 0 20 20"><path d="M6 3.5v13L17 10z"/></svg>
    <svg class="pause" viewBox="0 0 20 20"><path d="M5 4h3.5v12H5zm6.5 0H15v12h-3.5z"/></svg>
  </button>
  <button id="forward" title="Step forward (right)" aria-label="Step forward">
    <svg viewBox="0 0 20 20"><path d="M16 4h-2.4v12H16zM4 4v12l8.5-6z"/></svg>
  </button>
  <input id="scrub" type="range" min="0" value="0" step="1" aria-label="Frame">
  <span id="counter"></span>
  <select id="speed" title="Speed" aria-label="Speed">
    <option value="0.25">0.25x</option><option value="0.5">0.5x</option><option value="1" selected>1x</option>
    <option value="2">2x</option><option value="4">4x</option><option value="8">8x</option>
  </select>
  <button id="loop" class="toggle" aria-pressed="true" title="Start again at the end (L)">Loop</button>
  <button id="paths" class="toggle" aria-pressed="true" title="Paths (P)">Paths</button>
  <button id="goals" class="toggle" aria-pressed="true" title="Goals (G)">Goals</button>
  <span id="zoom">
    <button id="zoom-out" title="Zoom out (-)" aria-label="Zoom out">&minus;</button>
    <button id="fit" title="Fit to window (F)">Fit</button>
    <button id="zoom-in" title="Zoom in (+)" aria-label="Zoom in">+</button>
  </span>
</div>
<script id="replay-data" type="application/json">)page";

}  // namespace flockstep
