"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const blocks = data.blocks;
  const SVG = "http://www.w3.org/2000/svg";

  // Elements. Text from the data only ever becomes text nodes and attributes.
  const fill = (node, attributes, children) => {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "on") for (const [event, run] of Object.entries(value)) node.addEventListener(event, run);
      else if (value !== undefined && value !== null) node.setAttribute(name, value);
    }
    for (const child of children.flat()) if (child !== null && child !== undefined && child !== false) node.append(child);
    return node;
  };
  const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

  // Numbers.
  const ms = ns => ns >= 1e7 ? (ns / 1e6).toFixed(1) + " ms" : ns >= 1e6 ? (ns / 1e6).toFixed(2) + " ms" : ns >= 1e4 ? (ns / 1e3).toFixed(0) + " µs" : (ns / 1e3).toFixed(1) + " µs";
  const times = ratio => ratio.toFixed(2) + "×";
  const count = n => n.toLocaleString("en-US");
  const percent = part => (100 * part).toFixed(part < .1 ? 1 : 0) + "%";
  const gas = n => (n / 1e6).toFixed(n < 1e7 ? 2 : 1) + " Mgas";
  const plural = (n, one) => count(n) + " " + one + (n === 1 ? "" : "s");

  // Tooltip.
  const tip = document.getElementById("tip");
  const hideTip = () => { tip.style.opacity = 0; };
  const showTip = (event, title, ...lines) => {
    tip.replaceChildren(h("b", {}, title), ...lines.filter(Boolean).map(line => h("span", {}, line)));
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(8, Math.min(event.clientX + 14, innerWidth - box.width - 8)) + "px";
    tip.style.top = (event.clientY + 18 + box.height > innerHeight ? event.clientY - box.height - 12 : event.clientY + 18) + "px";
    tip.style.opacity = 1;
  };
  const hover = (node, make) => fill(node, { on: { pointermove: event => showTip(event, ...make()), pointerleave: hideTip } }, []);

  const short = hex => hex.length > 14 ? hex.slice(0, 10) + "…" + hex.slice(-4) : hex;
  const txLines = (block, tx) => {
    const [hash, from, to, method, cost] = block.txs[tx] || ["", "", "", "", 0];
    return ["transaction " + tx + "  " + short(hash), from + " → " + to + (method ? "  " + method : ""), "own cost " + ms(cost)];
  };
  const placeName = (block, place) => {
    if (place < 0 || !block.places[place]) return "";
    const [account, what, address] = block.places[place];
    return (account || short(address)) + ": " + what;
  };

  const niceStep = (span, ticks) => {
    const raw = span / ticks, power = 10 ** Math.floor(Math.log10(raw)), unit = raw / power;
    return (unit <= 1 ? 1 : unit <= 2 ? 2 : unit <= 5 ? 5 : 10) * power;
  };
  const fact = (name, value, note) => h("div", {}, h("span", {}, name), h("b", {}, value, note ? h("small", {}, " " + note) : null));

  // Overview.
  let order = "number";
  const overview = document.getElementById("overview");
  function drawOverview() {
    const t = data.totals;
    const reached = t.ideal_speed_up > 0 ? t.speed_up / t.ideal_speed_up : 1;
    const throughput = t.parallel_ns > 0 ? t.gas / t.parallel_ns : 0;
    const right = t.mismatches === 0;
    const hero = h("div", { class: "card" },
      h("h3", {}, "All blocks"),
      h("p", { class: "sub" }, "speed-up over sequential execution on " + plural(data.thread_count, "thread")),
      h("div", { class: "big" }, times(t.speed_up)),
      h("div", { class: "gauge" }, h("i", { style: "width:" + Math.min(100, 100 * reached).toFixed(1) + "%" })),
      h("div", { class: "legend" }, percent(reached) + " of the ideal " + times(t.ideal_speed_up)),
      h("div", { class: "facts" },
        fact("sequential", ms(t.sequential_ns)), fact("parallel", ms(t.parallel_ns)),
        fact("throughput", throughput.toFixed(2), "Ggas/s"), fact("executed again", count(t.re_executions)),
        t.worst ? fact("worst block", times(t.worst.speed_up), String(t.worst.number)) : null,
        h("div", {}, h("span", {}, "results"), h("b", { class: right ? "ok" : "bad" }, right ? "all " + count(t.blocks) + " equal" : count(t.mismatches) + " differ"))));
    const bars = h("div", { class: "card" },
      h("div", { class: "row" }, h("h3", {}, "Speed-up of each block"),
        h("span", { class: "push legend" },
          h("span", {}, h("i", { style: "background:var(--spec)" }), "measured"),
          h("span", {}, h("i", { style: "background:var(--ghost)" }), "ideal on " + plural(data.thread_count, "thread")),
          ...["number", "speed-up", "gas"].map(by => h("button", { type: "button", class: order === by ? "on" : "", on: { click: () => { order = by; drawOverview(); } } }, by)))),
      h("p", { class: "sub" }, "The ideal is a perfect scheduler of the true dependencies. Choose a block."));
    overview.replaceChildren(h("div", { class: "grid hero" }, hero, bars));
    bars.append(drawBars(bars.clientWidth - 42));
  }

  function drawBars(width) {
    const height = 300, left = 34, bottom = 62, top = 8;
    const sorted = blocks.map((block, index) => [block, index]);
    if (order === "number") sorted.sort((a, b) => a[0].number - b[0].number);
    if (order === "speed-up") sorted.sort((a, b) => b[0].speed_up - a[0].speed_up);
    if (order === "gas") sorted.sort((a, b) => b[0].gas - a[0].gas);
    const most = Math.max(1.2, ...blocks.map(b => Math.max(b.speed_up, b.ideal_speed_up))) * 1.04;
    const y = value => height - bottom - (height - bottom - top) * value / most;
    const step = (width - left) / Math.max(1, sorted.length), wide = Math.min(34, Math.max(2, step * .62));
    const plot = s("svg", { class: "plot", viewBox: "0 0 " + width + " " + height, height });
    const unit = niceStep(most, 5);
    for (let value = 0; value <= most; value += unit)
      plot.append(s("line", { class: "axis", x1: left, x2: width, y1: y(value), y2: y(value) }), s("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(unit < 1 ? 1 : 0) + "×"));
    sorted.forEach(([block, index], at) => {
      const x = left + step * (at + .5);
      const slow = block.speed_up < .97, wrong = block.differences.length > 0;
      const group = s("g", { class: "bar" + (index === current ? " on" : ""), tabindex: 0, role: "button", "aria-label": "block " + block.number, on: { click: () => show(index, true), keydown: event => { if (event.key === "Enter") show(index, true); } } },
        s("rect", { class: "hit", x: x - step / 2, y: top, width: step, height: height - top, rx: 6 }),
        s("rect", { x: x - wide / 2, y: y(block.ideal_speed_up), width: wide, height: Math.max(0, y(0) - y(block.ideal_speed_up)), rx: 4, fill: "var(--ghost)" }),
        s("rect", { x: x - wide * .29, y: y(block.speed_up), width: wide * .58, height: Math.max(0, y(0) - y(block.speed_up)), rx: 3, fill: wrong ? "var(--lost)" : slow ? "var(--crit)" : "var(--spec)" }),
        step >= 13 ? s("text", { x, y: height - bottom + 14, transform: "rotate(-52 " + x + " " + (height - bottom + 14) + ")", "text-anchor": "end" }, String(block.number)) : null);
      hover(group, () => ["block " + block.number + " · " + block.fork, times(block.speed_up) + " of ideal " + times(block.ideal_speed_up), plural(block.transactions, "transaction") + ", " + gas(block.gas), ms(block.sequential_ns) + " → " + ms(block.parallel_ns)]);
      plot.append(group);
    });
    plot.append(s("line", { x1: left, x2: width, y1: y(1), y2: y(1), stroke: "var(--dim)", "stroke-dasharray": "3 4" }));
    return plot;
  }

  // One block.
  let current = -1;
  const section = document.getElementById("block");
  function show(index, scroll) {
    current = index;
    const block = blocks[index];
    history.replaceState(null, "", "#" + block.number);
    drawOverview();
    const go = by => () => show((index + by + blocks.length) % blocks.length);
    const title = h("div", { class: "title" }, h("h2", {}, "Block " + block.number),
      h("span", { class: "chip" }, block.fork),
      h("span", { class: "chip" }, new Date(block.timestamp * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC"),
      h("span", { class: "chip" }, plural(block.transactions, "transaction")), h("span", { class: "chip" }, gas(block.gas)),
      h("span", { class: "chip" }, "by " + block.beneficiary),
      h("span", { class: "chip mono", title: block.hash }, short(block.hash)),
      blocks.length > 1 ? h("span", { class: "push" }, h("button", { type: "button", title: "Previous block", on: { click: go(-1) } }, "←"), h("button", { type: "button", title: "Next block", on: { click: go(1) } }, "→")) : null);
    const timeline = h("div", { class: "card" }), graph = h("div", { class: "card" }), curve = h("div", { class: "card" });
    section.replaceChildren(title, ...differences(block), story(block), timeline, graph, h("div", { class: "grid two" }, hotPlaces(block), h("div", {}, curve, criticalPath(block))));
    drawTimeline(timeline, block, 0, Infinity);
    drawGraph(graph, block, "steps");
    drawCurve(curve, block);
    if (scroll) section.scrollIntoView({ behavior: "smooth", block: "start" });
  }

  function differences(block) {
    if (!block.differences.length) return [];
    return [h("div", { class: "card wrong" }, h("h3", { class: "bad" }, "This block came out differently"),
      h("ul", {}, block.differences.map(d => h("li", {}, (d.transaction === undefined ? "" : "transaction " + d.transaction + ", ") + d.field + ": " + (d.against === "header" ? "the header says " : "sequential execution gives ") + d.expected + ", this execution gives " + d.found))))];
  }

  function story(block) {
    const path = block.critical_path, share = block.work_ns ? path.length_ns / block.work_ns : 0;
    const limit = share > 0 ? 1 / share : 1;
    const main = {};
    for (const [, , place] of block.path) if (place >= 0) main[place] = (main[place] || 0) + 1;
    const hottest = Object.entries(main).sort((a, b) => b[1] - a[1])[0];
    const b = (...text) => h("b", {}, ...text);
    const steps = path.transactions.length;
    const sentence = h("p", { class: "story" });
    if (!block.transactions) sentence.append("This block holds no transactions: only its rewards and system calls are executed.");
    else if (steps <= 1) sentence.append(block.edges.length ? "No chain of transactions takes as long as " : "No transaction waits for another. The longest is ", b("transaction " + (path.transactions[0] || 0)), block.edges.length ? " alone: it is " : ": it is ", b(percent(share)), " of all work, so no number of threads makes this block more than ", b(times(limit)), " faster.");
    else {
      sentence.append("The longest chain is ", b(plural(steps, "transaction")), " and ", b(percent(share)), " of all work, so no number of threads makes this block more than ", b(times(limit)), " faster. ");
      if (hottest) sentence.append(steps === 2 ? "It passes" : hottest[1] + " of its " + count(steps - 1) + " steps " + (hottest[1] === 1 ? "passes" : "pass"), " through ", b(placeName(block, hottest[0])), ".");
    }
    return h("div", { class: "card" }, sentence, h("div", { class: "facts" },
      fact("sequential", ms(block.sequential_ns)), fact("parallel", ms(block.parallel_ns), block.mode), fact("speed-up", times(block.speed_up)),
      fact("ideal on " + data.thread_count, times(block.ideal_speed_up)), fact("critical path", ms(path.length_ns), "of " + ms(block.work_ns)),
      fact("executed again", count(block.re_executions)), fact("without the VM", count(block.plain_transfers), "transfers"),
      h("div", {}, h("span", {}, "checked"), h("b", { class: block.differences.length ? "bad" : "ok", title: block.checked.join(", ") }, block.differences.length ? "differs" : "equal", h("small", {}, " " + block.checked.length + " header fields")))));
  }

  const selectTx = tx => {
    for (const node of document.querySelectorAll(".sel")) node.classList.remove("sel");
    for (const node of document.querySelectorAll('[data-tx="' + tx + '"]')) node.classList.add("sel");
  };

  // A drag may end outside of the plot that it began in.
  let release = null;
  addEventListener("pointerup", event => { if (release) release(event); release = null; });

  // Workers over time.
  function drawTimeline(card, block, from, to) {
    const legend = [["--spec", "speculative, committed"], ["--order", "in order, committed"], ["--lost", "thrown away"], ["--crit", "critical path"]]
      .map(([color, text]) => h("span", {}, h("i", { style: "background:var(" + color + ")" }), text));
    const end = Math.max(1, ...block.spans.map(span => span[3]));
    from = Math.max(0, from); to = Math.min(end, to);
    const zoomed = from > 0 || to < end;
    card.replaceChildren(h("div", { class: "row" }, h("h3", {}, "Workers"), h("span", { class: "push legend" }, legend, zoomed ? h("button", { type: "button", on: { click: () => drawTimeline(card, block, 0, Infinity) } }, "whole block") : null)),
      h("p", { class: "sub" }, block.spans.length ? "One execution of the block as it happened. Drag to look closer; choose a transaction to find it in the graph." : "No execution was traced."));
    if (!block.spans.length) return;
    const width = card.clientWidth - 42, left = 66, row = 38, workers = Math.max(block.threads, 1 + Math.max(...block.spans.map(span => span[0])));
    const height = workers * row + 26, x = at => left + (width - left) * (at - from) / Math.max(1, to - from);
    const plot = s("svg", { class: "plot", viewBox: "0 0 " + width + " " + height, height });
    const unit = niceStep(to - from, 8);
    for (let at = Math.ceil(from / unit) * unit; at <= to; at += unit)
      plot.append(s("line", { class: "axis", x1: x(at), x2: x(at), y1: 0, y2: height - 20 }), s("text", { x: x(at), y: height - 5, "text-anchor": "middle" }, ms(at)));
    for (let worker = 0; worker < workers; worker++) {
      const busy = block.spans.reduce((sum, span) => sum + (span[0] === worker ? span[3] - span[2] : 0), 0) / end;
      plot.append(s("text", { x: 0, y: worker * row + 17, class: "strong" }, worker ? "helper " + worker : "caller"), s("text", { x: 0, y: worker * row + 30 }, percent(busy) + " busy"),
        s("rect", { x: left, y: worker * row + 4, width: width - left, height: row - 10, rx: 6, fill: "var(--soft)" }));
    }
    const body = s("g", { class: "span" }), critical = new Set(block.critical_path.transactions);
    for (const [worker, tx, start, stop, kind] of block.spans) {
      if (stop < from || start > to) continue;
      const x1 = Math.max(left, x(start)), wide = Math.max(.7, Math.min(width, x(stop)) - x1);
      const rect = s("rect", { class: "k" + kind, x: x1, y: worker * row + 4, width: wide, height: row - 10, rx: Math.min(3, wide / 2), "data-tx": tx, on: { click: () => selectTx(tx) } });
      hover(rect, () => [...txLines(block, tx), ["committed from speculation", "executed in order on committed state", "thrown away: what it read had changed"][kind] + ", " + ms(stop - start)]);
      body.append(rect);
      if (critical.has(tx) && kind !== 2) body.append(s("rect", { class: "mark-crit", x: x1, y: worker * row + row - 5, width: Math.max(1.5, wide), height: 3, rx: 1.5 }));
      if (wide > 26) body.append(s("text", { x: x1 + wide / 2, y: worker * row + 22, "text-anchor": "middle" }, String(tx)));
    }
    plot.append(body);
    let anchor = null, brush = null;
    const at = event => Math.max(left, Math.min(width, (event.clientX - plot.getBoundingClientRect().left) * width / plot.getBoundingClientRect().width));
    const time = px => from + (px - left) / (width - left) * (to - from);
    plot.addEventListener("pointerdown", event => { anchor = at(event); release = released; });
    plot.addEventListener("pointermove", event => {
      if (anchor === null || Math.abs(at(event) - anchor) < 5) return;
      if (!brush) { brush = s("rect", { class: "brush", y: 0, height: height - 20 }); plot.append(brush); }
      brush.setAttribute("x", Math.min(anchor, at(event))); brush.setAttribute("width", Math.abs(at(event) - anchor));
    });
    const released = event => {
      const [a, b] = [anchor, brush && at(event)];
      anchor = null;
      if (brush) { brush.remove(); brush = null; drawTimeline(card, block, time(Math.min(a, b)), time(Math.max(a, b))); }
    };
    card.append(plot);
  }

  // Dependency graph.
  function drawGraph(card, block, by) {
    const choose = ["steps", "time"].map(way => h("button", { type: "button", class: by === way ? "on" : "", on: { click: () => drawGraph(card, block, way) } }, "by " + way));
    const aside = [block.isolated ? "Not drawn: " + plural(block.isolated, "transaction") + " without any dependency" : "", block.left_out ? (block.isolated ? "and " : "Not drawn: ") + count(block.left_out) + " less critical ones" : ""].filter(Boolean).join(" ");
    card.replaceChildren(h("div", { class: "row" }, h("h3", {}, "Who waits for whom"), h("span", { class: "push legend" },
        h("span", {}, h("i", { style: "background:var(--crit)" }), "critical path"), h("span", {}, h("i", { style: "background:var(--spec)" }), "other transactions"), choose)),
      h("p", { class: "sub" }, block.nodes.length ? "A transaction stands right of those whose writes it reads. " + (aside ? aside + "." : "") : "No transaction reads what another one wrote."));
    if (!block.nodes.length) return;
    const timed = by === "time", width = card.clientWidth - 42, pad = 14, top = 16;
    const lanes = Math.max(...block.nodes.map(node => node[timed ? 4 : 5])) + 1;
    const lane = Math.max(5, Math.min(30, 460 / lanes)), height = top * 2 + lanes * lane + (timed ? 18 : 0);
    const span = timed ? Math.max(1, ...block.nodes.map(node => node[1] + node[2])) : Math.max(1, ...block.nodes.map(node => node[3]));
    const x = at => pad + (width - 2 * pad) * at / span;
    const costliest = Math.max(1, ...block.nodes.map(node => node[2]));
    const plot = s("svg", { class: "plot", viewBox: "0 0 " + width + " " + height, height });
    if (timed) {
      const unit = niceStep(span, 8);
      for (let at = 0; at <= span; at += unit) plot.append(s("line", { class: "axis", x1: x(at), x2: x(at), y1: 0, y2: height - 16 }), s("text", { x: x(at), y: height - 2, "text-anchor": "middle" }, ms(at)));
    }
    const places = new Map(), nodes = s("g"), edges = s("g"), near = new Map();
    for (const [tx, start, cost, depth, timeLane, depthLane] of block.nodes) {
      const y = top + ((timed ? timeLane : depthLane) + .5) * lane;
      const radius = Math.max(2.2, Math.min(lane * .48, 3 + 9 * Math.sqrt(cost / costliest)));
      places.set(tx, timed ? { left: x(start), right: x(start + cost), y } : { left: x(depth) - radius, right: x(depth) + radius, y, radius, middle: x(depth) });
    }
    const curve = (a, b) => {
      const reach = Math.max(8, (b.left - a.right) / 2);
      return "M" + a.right.toFixed(1) + " " + a.y.toFixed(1) + "C" + (a.right + reach).toFixed(1) + " " + a.y.toFixed(1) + " " + (b.left - reach).toFixed(1) + " " + b.y.toFixed(1) + " " + b.left.toFixed(1) + " " + b.y.toFixed(1);
    };
    for (const critical of [0, 1]) for (const [on, tx, place, crit] of block.edges) {
      if (crit !== critical) continue;
      const edge = s("path", { class: "edge" + (crit ? " crit" : ""), d: curve(places.get(on), places.get(tx)) });
      hover(edge, () => ["transaction " + tx + " waits for " + on, placeName(block, place)]);
      edges.append(edge);
      for (const end of [on, tx]) near.set(end, [...(near.get(end) || []), { edge, other: end === on ? tx : on, place }]);
    }
    const drawn = new Map();
    for (const [tx, , cost, , , , crit] of block.nodes) {
      const at = places.get(tx), high = Math.max(3, lane * .66);
      const attributes = { class: "node" + (crit ? " crit" : ""), "data-tx": tx };
      const node = timed ? s("rect", { ...attributes, x: at.left, y: at.y - high / 2, width: Math.max(1.5, at.right - at.left), height: high, rx: Math.min(3, high / 3) }) : s("circle", { ...attributes, cx: at.middle, cy: at.y, r: at.radius });
      const links = near.get(tx) || [];
      hover(node, () => [...txLines(block, tx), ...[...new Set(links.map(link => placeName(block, link.place)))].slice(0, 4)]);
      const focus = on => () => {
        plot.classList.toggle("focus", on); node.classList.toggle("near", on);
        for (const link of links) { link.edge.classList.toggle("near", on); const other = drawn.get(link.other); if (other) other.classList.toggle("near", on); }
      };
      fill(node, { on: { pointerenter: focus(true), pointerleave: focus(false), click: () => selectTx(tx) } }, []);
      drawn.set(tx, node); nodes.append(node);
    }
    plot.append(edges, nodes);
    card.append(h("div", { class: "scroll" }, plot));
  }

  // Speed-up over threads.
  function drawCurve(card, block) {
    const width = card.clientWidth - 42, height = 220, left = 36, bottom = 30, top = 14;
    const work = block.ideal_times_ns[0] || 1;
    const points = data.threads.map((threads, at) => [threads, block.ideal_times_ns[at] ? work / block.ideal_times_ns[at] : 1]);
    const most = Math.max(2, data.thread_count > 1 ? block.speed_up : 1, ...points.map(point => point[1])) * 1.12;
    const last = data.threads[data.threads.length - 1];
    const x = threads => left + (width - left - 8) * Math.log2(threads) / Math.log2(last), y = value => top + (height - top - bottom) * (1 - value / most);
    card.replaceChildren(h("h3", {}, "More threads"), h("p", { class: "sub" }, "Predicted speed-up of a perfect scheduler, and the measured one."));
    const plot = s("svg", { class: "plot", viewBox: "0 0 " + width + " " + height, height });
    const unit = niceStep(most, 4);
    for (let value = 0; value <= most; value += unit) plot.append(s("line", { class: "axis", x1: left, x2: width, y1: y(value), y2: y(value) }), s("text", { x: left - 7, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(unit < 1 ? 1 : 0) + "×"));
    for (const threads of data.threads) plot.append(s("text", { x: x(threads), y: height - 10, "text-anchor": "middle" }, String(threads)));
    const line = points.map(([threads, value], at) => (at ? "L" : "M") + x(threads).toFixed(1) + " " + y(value).toFixed(1)).join("");
    plot.append(s("path", { d: line + "L" + x(last) + " " + y(0) + "L" + x(1) + " " + y(0) + "Z", fill: "var(--glow)" }), s("path", { d: line, fill: "none", stroke: "var(--spec)", "stroke-width": 2.4, "stroke-linejoin": "round" }));
    const tells = at => !at || at === points.length - 1 || points[at][1] > points[at - 1][1] * 1.02 && points[at][1] < points[points.length - 1][1] * .98;
    for (const [at, [threads, value]] of points.entries()) plot.append(hover(s("circle", { cx: x(threads), cy: y(value), r: 4, fill: "var(--card)", stroke: "var(--spec)", "stroke-width": 2 }), () => [times(value), "ideal on " + plural(threads, "thread")]),
      threads > 1 && tells(at) ? s("text", { x: x(threads), y: y(value) - 10, "text-anchor": threads === last ? "end" : "middle" }, times(value)) : "");
    if (block.parallel_ns && data.thread_count <= last) plot.append(hover(s("circle", { cx: x(data.thread_count), cy: y(block.speed_up), r: 5.5, fill: "var(--order)" }), () => [times(block.speed_up), "measured on " + plural(data.thread_count, "thread")]));
    card.append(plot, h("div", { class: "legend" }, h("span", {}, h("i", { style: "background:var(--spec)" }), "ideal"), h("span", {}, h("i", { style: "background:var(--order)" }), "measured")));
  }

  // Hot places.
  function hotPlaces(block) {
    const card = h("div", { class: "card" }, h("h3", {}, "Hottest places"), h("p", { class: "sub" }, block.hot.length ? "Where transactions meet: reads of what an earlier transaction of the block wrote." : "No transaction reads what another one wrote."));
    if (!block.hot.length) return card;
    const most = block.hot[0][1];
    card.append(h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "place"), h("th", {}, ""), h("th", { class: "n" }, "reads"), h("th", { class: "n" }, "txs"), h("th", { class: "n" }, "critical"))),
      h("tbody", {}, block.hot.map(([place, reads, txs, steps]) => {
        const [account, what, address, slot] = block.places[place];
        return hover(h("tr", {}, h("td", {}, account ? h("b", {}, account) : h("span", { class: "mono" }, short(address)), h("span", { class: "what" }, what)),
          h("td", { style: "width:26%" }, h("span", { class: "heat" + (steps ? " crit" : ""), style: "width:" + (100 * reads / most).toFixed(1) + "%" })),
          h("td", { class: "n" }, count(reads)), h("td", { class: "n" }, count(txs)), h("td", { class: "n" }, steps ? count(steps) : "–")), () => [account || "contract or account", address, slot ? "slot " + slot : ""]);
      })))));
    return card;
  }

  // Critical path.
  function criticalPath(block) {
    const card = h("div", { class: "card", style: "margin-top:16px" }, h("h3", {}, "Critical path"), h("p", { class: "sub" }, plural(block.critical_path.transactions.length, "transaction") + ", " + ms(block.critical_path.length_ns)));
    let before = -2;
    const steps = h("div", { class: "steps" });
    for (const [tx, cost, place] of block.path) {
      if (place >= 0) { steps.append(hover(h("em", {}, place === before ? "→" : "→ " + placeName(block, place) + " →"), () => [placeName(block, place), block.places[place][2], block.places[place][3]])); before = place; }
      steps.append(hover(h("button", { type: "button", on: { click: () => selectTx(tx) } }, String(tx)), () => txLines(block, tx)));
    }
    if (block.path.length < block.critical_path.transactions.length) steps.append(h("em", {}, "and " + count(block.critical_path.transactions.length - block.path.length) + " more"));
    card.append(steps);
    return card;
  }

  // Page.
  const root = document.documentElement;
  root.classList.toggle("dark", !matchMedia("(prefers-color-scheme: light)").matches);
  document.getElementById("theme").addEventListener("click", () => root.classList.toggle("dark"));
  document.getElementById("subtitle").textContent = [plural(data.totals.blocks, "block"), plural(data.totals.transactions, "transaction"), gas(data.totals.gas), data.mode + " mode", plural(data.thread_count, "thread"), "medians of " + plural(data.runs, "run")].join("  ·  ");
  let first = blocks.findIndex(block => "#" + block.number === location.hash);
  if (first < 0) first = blocks.reduce((best, block, index) => block.edges.length > blocks[best].edges.length ? index : best, 0);
  if (blocks.length) show(first); else drawOverview();
  let resized;
  addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(() => { if (current >= 0) show(current); }, 150); });
})();
