"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const chart = document.getElementById("chart");
  const note = document.getElementById("note");
  const search = document.querySelector("input[type=search]");
  const NS = "http://www.w3.org/2000/svg";
  const LANE = 46, HEAD = 22, TICKS_MAX = 3000;
  const SENT = ["acked", "no answer", "refused", "never left"];
  const GIVEN = ["consumed", "to be retried", "not ended"];
  const end = Math.max(data.ended, 1);
  let from = 0, to = end, filter = "", picked = 0, marks = [];

  const nodeOf = (id) => data.nodes[id] ? data.nodes[id][0] : "?";
  const secs = (us) => (us / 1e6).toFixed(3) + " s";
  const queueWords = (id) => {
    const queue = data.queues[id];
    return queue ? `queue ${queue[2]} of ${queue[1]} on ${nodeOf(queue[0])}` : "no queue";
  };
  const shown = () => {
    const on = {};
    for (const box of document.querySelectorAll("[data-show]")) on[box.dataset.show] = box.checked;
    return on;
  };

  const make = (name, attributes, parent, text) => {
    const element = document.createElementNS(NS, name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    if (text !== undefined) element.textContent = text;
    if (parent) parent.appendChild(element);
    return element;
  };
  const titled = (element, text) => { make("title", {}, element, text); return element; };

  const sendWords = (row) => `M${row[6]} sent by ${nodeOf(row[0])} at ${secs(row[1])}, ` +
    `${SENT[row[3]]} at ${secs(row[2])}` + (row[4] < 0 ? "" : `: offset ${row[5]} of ${queueWords(row[4])}`);
  const givenWords = (row) => `M${row[6]} given to ${nodeOf(row[0])} (${data.groups[row[7]] || "?"}) ` +
    `at ${secs(row[1])} from offset ${row[5]} of ${queueWords(row[4])}, ${GIVEN[row[3]]}`;
  const matches = (words) => filter === "" || words.toLowerCase().includes(filter);

  // Sends and deliveries by lane and time, so that a view is found without looking at all.
  const byNode = (rows) => {
    const lanes = data.nodes.map(() => []);
    for (const row of rows) if (lanes[row[0]]) lanes[row[0]].push(row);
    for (const lane of lanes) lane.sort((a, b) => a[1] - b[1]);
    return lanes;
  };
  const sends = byNode(data.sends), given = byNode(data.deliveries);
  const landed = byNode(data.sends.filter((row) => row[3] === 0 && data.queues[row[4]])
    .map((row) => [data.queues[row[4]][0], row[2], row[2], 0, row[4], row[5], row[6], row]));
  const firstAt = (lane, at) => {
    let low = 0, high = lane.length;
    while (low < high) { const mid = (low + high) >> 1; if (lane[mid][1] < at) low = mid + 1; else high = mid; }
    return low;
  };

  // A lane's events in the view: single ticks when few, stacked bars when many.
  const drawEvents = (svg, lane, y, words, x, budget) => {
    const list = [];
    for (let at = firstAt(lane, from - 5e6); at < lane.length && lane[at][1] <= to; at++) {
      if (lane[at][2] >= from && matches(words(lane[at]))) list.push(lane[at]);
    }
    if (list.length <= budget) {
      for (const row of list) {
        const left = x(row[1]), width = Math.max(2, x(row[2]) - left);
        const tick = make("rect", { x: left, y: y + 15, width, height: 20, rx: 1,
          class: `s${row[3]}` + (picked && row[6] === picked ? " pick" : ""), "data-message": row[6] }, svg);
        titled(tick, words(row));
      }
      return;
    }
    const bins = new Map();
    for (const row of list) {
      const bin = Math.floor(x(row[1]) / 4);
      const sums = bins.get(bin) || [0, 0, 0, 0];
      sums[row[3]] += 1;
      bins.set(bin, sums);
    }
    let most = 1;
    for (const sums of bins.values()) most = Math.max(most, sums.reduce((a, b) => a + b));
    for (const [bin, sums] of bins) {
      let top = y + 36;
      sums.forEach((count, state) => {
        if (!count) return;
        const height = Math.max(2, 20 * count / most);
        top -= height;
        titled(make("rect", { x: bin * 4, y: top, width: 3.4, height, class: `s${state}` }, svg),
          `${count} ${(words === givenWords ? GIVEN : SENT)[state]}`);
      });
    }
  };

  const drawGrid = (svg, x, width, height) => {
    const span = to - from;
    const steps = [1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 2e7, 6e7, 12e7, 6e8];
    const step = steps.find((one) => span / one <= width / 80) || 36e8;
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
      make("line", { x1: x(at), x2: x(at), y1: HEAD - 4, y2: height, class: "grid" }, svg);
      const digits = step < 1e6 ? (step < 1e5 ? 3 : 1) : 0;
      make("text", { x: x(at) + 3, y: 12 }, svg, (at / 1e6).toFixed(digits) + " s");
    }
    let row = 0;
    for (const [at, name] of [[data.healed, "healed"], [data.drained, "all consumed"]]) {
      if (at === null || at < from || to < at) continue;
      make("line", { x1: x(at), x2: x(at), y1: 0, y2: height, class: "heal" }, svg);
      make("text", { x: Math.min(x(at) + 3, width - 66), y: HEAD + 2 + 11 * row, class: "heal-name" }, svg, name);
      row += 1;
    }
  };

  const drawFaults = (svg, node, y, x, width) => {
    for (const [at, begin, stop] of data.down) {
      if (at !== node || stop < from || to < begin) continue;
      make("rect", { x: x(begin), y, width: Math.max(2, x(stop) - x(begin)), height: LANE, class: "down" }, svg);
    }
    for (const [begin, stop, kind, nodes, words] of data.faults) {
      const until = stop === null ? begin : stop;
      if (!nodes.includes(node) || until < from || to < begin) continue;
      const bar = make("rect", { x: x(begin), y: y + LANE - 8, width: Math.max(3, x(until) - x(begin)),
        height: 6, class: "fault" }, svg);
      titled(bar, `${kind} at ${secs(begin)}: ${words}`);
    }
  };

  // Names of faults stand beside the name of the lane's node, where there is room.
  const nameFaults = (svg, node, y, x, width) => {
    let clear = data.nodes[node][0].length * 7 + 14;
    for (const [begin, stop, kind, nodes, words] of data.faults) {
      const until = stop === null ? begin : stop;
      const left = x(Math.max(begin, from));
      if (!nodes.includes(node) || until < from || to < begin || left < clear) continue;
      if (left + kind.length * 6 > width) continue;
      titled(make("text", { x: left, y: y + 11, class: "fault-name" }, svg, kind), words);
      clear = left + kind.length * 6 + 8;
    }
  };

  const drawLinks = (svg, x, yOf) => {
    if (!picked) return;
    for (const row of data.sends) {
      if (row[6] !== picked || row[4] < 0 || !data.queues[row[4]]) continue;
      const broker = data.queues[row[4]][0];
      line(svg, x(row[1]), yOf(row[0]), x(row[2]), yOf(broker));
    }
    for (const row of data.deliveries) {
      if (row[6] !== picked || !data.queues[row[4]]) continue;
      line(svg, x(row[1]) - 8, yOf(data.queues[row[4]][0]), x(row[1]), yOf(row[0]));
    }
  };
  const line = (svg, x1, y1, x2, y2) => make("path", { class: "link",
    d: `M${x1},${y1} C${(x1 + x2) / 2},${y1} ${(x1 + x2) / 2},${y2} ${x2},${y2}` }, svg);

  const draw = () => {
    const width = Math.max(chart.clientWidth, 280);
    const on = shown();
    const lanes = data.nodes.map((_, node) => node);
    const height = HEAD + lanes.length * LANE + 6;
    const x = (at) => (at - from) / (to - from) * width;
    const yOf = (node) => HEAD + node * LANE + 23;
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img",
      "aria-label": "swim lanes, one per node" });
    drawGrid(svg, x, width, height);
    const budget = Math.floor(TICKS_MAX / Math.max(lanes.length, 1));
    for (const node of lanes) {
      const y = HEAD + node * LANE;
      if (on.faults) drawFaults(svg, node, y, x, width);
      if (on.sends) drawEvents(svg, sends[node], y, sendWords, x, budget);
      if (on.sends) drawEvents(svg, landed[node], y, (row) => sendWords(row[7]), x, budget);
      if (on.deliveries) drawEvents(svg, given[node], y, givenWords, x, budget);
      if (on.rebalances) {
        for (const [at, when, group, count] of data.rebalances) {
          if (at !== node || when < from || to < when) continue;
          titled(make("circle", { cx: x(when), cy: y + LANE - 6, r: 3, class: "share" }, svg),
            `${nodeOf(node)} holds ${count} queues of ${data.groups[group]} from ${secs(when)}`);
        }
      }
      make("line", { x1: 0, x2: width, y1: y + LANE, y2: y + LANE, class: "lane" }, svg);
      if (on.faults) nameFaults(svg, node, y, x, width);
      make("text", { x: 6, y: y + 11, class: "name" }, svg, data.nodes[node][0]);
    }
    drawLinks(svg, x, yOf);
    for (const at of marks) {
      make("line", { x1: x(at), x2: x(at), y1: HEAD, y2: height, class: "link" }, svg);
    }
    chart.replaceChildren(svg);
  };

  let waiting = false;
  const later = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  };

  const look = (a, b) => {
    const span = Math.min(Math.max(b - a, 2e3), end);
    from = Math.min(Math.max(a, 0), end - span);
    to = from + span;
    later();
  };
  const zoom = (factor, middle) => {
    const at = middle === undefined ? (from + to) / 2 : middle;
    look(at - (at - from) * factor, at + (to - at) * factor);
  };

  const pick = (message) => {
    picked = message;
    const rows = data.sends.filter((row) => row[6] === message).map(sendWords)
      .concat(data.deliveries.filter((row) => row[6] === message).map(givenWords));
    note.textContent = rows.slice(0, 8).join(". ") + (rows.length > 8 ? ` and ${rows.length - 8} more.` : ".");
    later();
  };

  const show = (violation) => {
    const moments = [violation.at_us];
    let message = 0;
    for (const pointer of violation.pointers) {
      if (pointer.kind === "fault" && data.faults[pointer.at]) moments.push(data.faults[pointer.at][0]);
      if (pointer.kind === "message" && !message) message = pointer.message;
    }
    for (const row of data.sends) if (message && row[6] === message) moments.push(row[1], row[2]);
    const low = Math.min(...moments), high = Math.max(...moments);
    const room = Math.max((high - low) * 0.3, 3e5);
    marks = [violation.at_us];
    if (message) pick(message);
    note.textContent = violation.words + ". " + (message ? note.textContent : "");
    look(low - room, high + room);
  };

  const timeAt = (event) => {
    const box = chart.getBoundingClientRect();
    return from + (event.clientX - box.left) / box.width * (to - from);
  };
  chart.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.shiftKey && Math.abs(event.deltaX) <= Math.abs(event.deltaY) && !event.altKey) {
      if (document.activeElement !== chart && !chart.matches(":hover")) return;
    }
    event.preventDefault();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const by = event.deltaX / chart.clientWidth * (to - from);
      look(from + by, to + by);
    } else zoom(event.deltaY > 0 ? 1.2 : 1 / 1.2, timeAt(event));
  }, { passive: false });

  const fingers = new Map();
  let moved = 0;
  chart.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, event.clientX);
    moved = 0;
  });
  chart.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    const before = [...fingers.values()];
    const by = event.clientX - fingers.get(event.pointerId);
    fingers.set(event.pointerId, event.clientX);
    moved += Math.abs(by);
    if (moved > 6 && !chart.hasPointerCapture(event.pointerId)) chart.setPointerCapture(event.pointerId);
    const after = [...fingers.values()];
    if (fingers.size === 2) {
      const was = Math.abs(before[0] - before[1]), is = Math.abs(after[0] - after[1]);
      if (is > 8) zoom(was / is, timeAt({ clientX: (after[0] + after[1]) / 2 }));
    } else {
      const shift = -by / chart.clientWidth * (to - from);
      look(from + shift, to + shift);
    }
  });
  for (const kind of ["pointerup", "pointercancel", "pointerleave"]) {
    chart.addEventListener(kind, (event) => fingers.delete(event.pointerId));
  }
  chart.addEventListener("click", (event) => {
    if (moved > 6) return;
    const message = Number(event.target.dataset ? event.target.dataset.message : 0);
    if (message) pick(message);
    else { picked = 0; marks = []; note.textContent = ""; later(); }
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button) ({ in: () => zoom(0.5), out: () => zoom(2), all: () => look(0, end) })[button.dataset.do]();
    const link = event.target.closest("[data-violation]");
    if (link) show(data.violations[Number(link.dataset.violation)]);
  });
  for (const box of document.querySelectorAll("[data-show]")) box.addEventListener("change", later);
  search.addEventListener("input", () => { filter = search.value.trim().toLowerCase(); later(); });
  addEventListener("resize", later);
  addEventListener("beforeprint", draw);
  if (data.left_out) note.textContent = `${data.left_out} events are left out to keep this page small.`;
  draw();
})();
