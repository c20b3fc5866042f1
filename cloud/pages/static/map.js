// What the map does better with a script: size, moving about, and who is whose neighbour.
"use strict";

const map = document.getElementById("map");
const nodes = map ? [...map.querySelectorAll("a[data-n]")] : [];
const lines = map ? [...map.querySelectorAll("[data-f]")] : [];
const told = document.getElementById("told");
const whole = map && map.viewBox.baseVal;
const all = map && [whole.x, whole.y, whole.width, whole.height];

// Neighbours: number of a node → numbers that a line joins it to, in and out.
const near = new Map(nodes.map((node) => [node.dataset.n, { to: new Set(), from: new Set() }]));
for (const line of lines) {
  const { f, t } = line.dataset;
  if (f === t || !near.has(f) || !near.has(t)) continue;
  near.get(f).to.add(t);
  near.get(t).from.add(f);
}
const byNumber = new Map(nodes.map((node) => [node.dataset.n, node]));

function show(node) {
  map.classList.toggle("dim", Boolean(node));
  const own = node && node.dataset.n;
  const joined = node && near.get(own);
  for (const line of lines) {
    const { f, t } = line.dataset;
    line.classList.toggle("near", Boolean(node) && (f === own || t === own));
  }
  for (const other of nodes) {
    const n = other.dataset.n;
    other.classList.toggle("near", Boolean(node) && (n === own || joined.to.has(n) || joined.from.has(n)));
  }
}

function tell(node) {
  const { to, from } = near.get(node.dataset.n);
  told.textContent = `${node.querySelector("title").textContent}; asks ${to.size}, asked by ${from.size}`;
}

const middle = (node) => {
  const box = node.getBBox();
  return [box.x + box.width / 2, box.y + box.height / 2];
};

// The neighbour that lies most in the arrow's direction; without one, any node there.
function towards(node, [dx, dy]) {
  const { to, from } = near.get(node.dataset.n);
  const [x, y] = middle(node);
  let best = null;
  let least = Infinity;
  for (const other of nodes) {
    if (other === node) continue;
    const [ox, oy] = middle(other);
    const along = (ox - x) * dx + (oy - y) * dy;
    const across = Math.abs((ox - x) * dy) + Math.abs((oy - y) * dx);
    if (along < 1) continue;
    const isNear = to.has(other.dataset.n) || from.has(other.dataset.n);
    const cost = along + 2 * across + (isNear || dy ? 0 : 1e6);
    if (cost < least) [best, least] = [other, cost];
  }
  return best;
}

// The part that is seen is the viewBox: an attribute, as styles are forbidden.
function look(x, y, width, height) {
  map.setAttribute("viewBox", [x, y, width, height].map((n) => n.toFixed(1)).join(" "));
  map.classList.toggle("moved", width < all[2] - 1);
}

function zoom(factor, at) {
  if (!factor) return look(...all);
  const width = Math.min(all[2], Math.max(300, whole.width / factor));
  const height = (width * all[3]) / all[2];
  const [x, y] = at || [whole.x + whole.width / 2, whole.y + whole.height / 2];
  const left = x - ((x - whole.x) * width) / whole.width;
  const top = y - ((y - whole.y) * height) / whole.height;
  return move(left, top, width, height);
}

function move(x, y, width, height) {
  const inside = (value, most) => Math.max(0, Math.min(value, most));
  look(inside(x, all[2] - width), inside(y, all[3] - height), width, height);
}

const WAYS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
const SIZES = { "+": 1.25, "=": 1.25, "-": 0.8, 0: 0 };

function press(pressed) {
  if (pressed.ctrlKey || pressed.metaKey || pressed.altKey) return;
  const node = pressed.target.closest("a[data-n]");
  if (pressed.key in SIZES) {
    const at = node && SIZES[pressed.key] ? middle(node) : null;
    zoom(SIZES[pressed.key], at);
  } else if (node && pressed.key in WAYS) {
    const other = towards(node, WAYS[pressed.key]);
    if (other) other.focus();
  } else if (node && pressed.key === "Escape") {
    show(null);
  } else return;
  pressed.preventDefault();
}

if (map) {
  for (const node of nodes) {
    node.addEventListener("focus", () => { show(node); tell(node); });
    node.addEventListener("blur", () => show(null));
    node.addEventListener("mouseenter", () => show(node));
    node.addEventListener("mouseleave", () => show(byNumber.get(document.activeElement?.dataset?.n) || null));
  }
  map.closest(".board").addEventListener("keydown", press);
  map.addEventListener("wheel", (turned) => {
    if (!turned.ctrlKey) return; // The wheel alone scrolls the page.
    turned.preventDefault();
    const point = new DOMPoint(turned.clientX, turned.clientY).matrixTransform(map.getScreenCTM().inverse());
    zoom(turned.deltaY < 0 ? 1.25 : 0.8, [point.x, point.y]);
  }, { passive: false });
  let grip = null;
  map.addEventListener("pointerdown", (down) => {
    if (map.classList.contains("moved") && !down.target.closest("a")) grip = [down.clientX, down.clientY, whole.x, whole.y];
  });
  window.addEventListener("pointermove", (to) => {
    if (!grip) return;
    const scale = whole.width / map.getBoundingClientRect().width;
    move(grip[2] - (to.clientX - grip[0]) * scale, grip[3] - (to.clientY - grip[1]) * scale, whole.width, whole.height);
  });
  window.addEventListener("pointerup", () => { grip = null; });
  const tools = document.querySelector(".tools");
  for (const button of tools.querySelectorAll("button")) {
    button.addEventListener("click", () => zoom(Number(button.dataset.zoom)));
  }
  for (const part of [tools, ...document.querySelectorAll(".script")]) part.hidden = false;
}
