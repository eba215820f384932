// Draws the tables that are over time, and brings everything up to date in its place. The view is complete without it.
"use strict";
(() => {
  const SECONDS = 15; // as the switch says
  const DASHES = [[], [7, 4], [2, 3]]; // the lines differ in more than colour
  const resolved = (name) => {
    probe.setAttribute("class", name);
    return getComputedStyle(probe).stroke;
  };
  const probe = document.createElementNS("http://www.w3.org/2000/svg", "path");
  const holder = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  holder.classList.add("unseen");
  holder.setAttribute("aria-hidden", "true");
  holder.append(probe);
  document.body.append(holder);

  // --- drawings ---------------------------------------------------------------------------------

  const drawn = new Map(); // where -> the drawing in it

  // The newest is first in a table, and last in a drawing.
  const read = (rows) => {
    const lines = [...rows.querySelectorAll("tr")].reverse();
    const times = lines.map((row) => Date.parse(row.querySelector("time").dateTime) / 1000);
    const width = rows.closest("table").querySelectorAll("thead .figure").length;
    const values = (column) =>
      lines.map((row) => {
        const value = row.querySelectorAll("td")[column].dataset.value;
        return value === undefined ? null : Number(value);
      });
    return [times, ...Array.from({ length: width }, (_, column) => values(column))];
  };

  const written = (language) => new Intl.NumberFormat(language, { maximumFractionDigits: 1 });

  const draw = (where) => {
    const rows = document.getElementById(where.dataset.of);
    const data = read(rows);
    drawn.get(where)?.destroy();
    drawn.delete(where);
    where.hidden = data[0].length < 2;
    if (where.hidden) return;
    const numbers = written(document.documentElement.lang);
    const span = data[0].at(-1) - data[0][0];
    const shown = span > 3 * 86400 ? [5, 10] : span > 600 ? [11, 16] : [11, 19]; // month and day, to the minute, second
    const named = (seconds) => new Date(seconds * 1000).toISOString().slice(...shown);
    const axis = { stroke: resolved("axis-ink"), grid: { stroke: resolved("axis-rule"), width: 1 }, ticks: { show: false }, font: "12px sans-serif" };
    const options = {
      width: where.clientWidth,
      height: 200,
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] } },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      axes: [
        { ...axis, values: (_, splits) => splits.map(named), space: 80 },
        { ...axis, values: (_, splits) => splits.map((value) => numbers.format(value)), size: 60 },
      ],
      series: [
        {},
        ...data.slice(1).map((_, column) => ({
          stroke: resolved(`series-${column + 1}`),
          width: 2,
          dash: DASHES[column],
          points: { show: data[0].length < 40, size: 5, fill: resolved(`series-${column + 1}`) },
        })),
      ],
    };
    drawn.set(where, new uPlot(options, data, where));
  };

  const plots = document.querySelectorAll(".plot");
  const drawAll = () => plots.forEach(draw);
  plots.forEach((each) => (each.hidden = false));
  drawAll();
  new ResizeObserver(() => {
    for (const [where, drawing] of drawn) {
      if (where.clientWidth && where.clientWidth !== drawing.width) drawing.setSize({ width: where.clientWidth, height: 200 });
    }
  }).observe(document.getElementById("main"));
  new MutationObserver(drawAll).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);

  // --- bringing up to date ------------------------------------------------------------------------

  const told = document.getElementById("told");
  const tell = (id) => told.replaceChildren(...(id ? [document.getElementById(id).content.cloneNode(true)] : []));
  let asking = false;

  // Nothing but what is inside the parts is exchanged: what is open, focused or scrolled stays so.
  const update = async () => {
    if (asking) return;
    asking = true;
    try {
      const answer = await fetch("/ops", { headers: { accept: "text/html" }, cache: "no-store" });
      if (answer.redirected || answer.status === 401 || answer.status === 403) {
        tell("ended");
        turn(false);
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-part]")) {
        const fresh = page.getElementById(part.id);
        if (fresh && fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
      }
      tell(null);
      drawAll();
      askAgain();
    } catch {
      tell("unreachable");
    } finally {
      asking = false;
    }
  };

  // What is still being counted is there soon.
  const askAgain = () => {
    if (document.getElementById("counting")) setTimeout(update, 2000);
  };
  askAgain();

  const refresh = document.getElementById("refresh");
  refresh.addEventListener("click", (event) => {
    event.preventDefault();
    update();
  });

  const label = document.getElementById("by-itself");
  const box = label.querySelector("input");
  let clock = 0;
  const turn = (on) => {
    box.checked = on;
    clearInterval(clock);
    if (on) clock = setInterval(() => document.hidden || update(), SECONDS * 1000);
    try {
      sessionStorage.setItem("falsetrue-refresh", on ? "on" : "");
    } catch {
      // storage is blocked: the choice holds for this page
    }
  };
  box.addEventListener("change", () => turn(box.checked));
  label.hidden = false;
  try {
    if (sessionStorage.getItem("falsetrue-refresh")) turn(true);
  } catch {
    // as above
  }
})();
