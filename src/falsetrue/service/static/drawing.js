// Draws tables of figures: over time as lines, by classes as steps. What shows them is complete without it.
"use strict";
globalThis.drawTables = (() => {
  const DASHES = [[], [7, 4], [2, 3]]; // the lines differ in more than colour
  const HEIGHT = 200;
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

  const drawn = new Map(); // where -> the drawing in it

  // The first columns of figures are drawn, those that say data-aside are not. Over time the newest is first in a
  // table, and last in a drawing; by classes each goes on to where the next begins.
  const read = (rows) => {
    const byClass = "low" in (rows.querySelector("tr")?.dataset ?? {});
    const lines = [...rows.querySelectorAll("tr")].filter((row) => byClass || row.querySelector("time"));
    if (byClass && lines.length) lines.push(lines.at(-1));
    else lines.reverse();
    const at = byClass
      ? lines.map((row, number) => Number(number < lines.length - 1 ? row.dataset.low : row.dataset.high))
      : lines.map((row) => Date.parse(row.querySelector("time").dateTime) / 1000);
    const width = rows.closest("table").querySelectorAll("thead .figure:not([data-aside])").length;
    const values = (column) =>
      lines.map((row) => {
        const value = row.querySelectorAll("td")[column].dataset.value;
        return value === undefined ? null : Number(value);
      });
    const marks = lines.flatMap((row, number) => (row.dataset.mark ? [[at[number], row.dataset.mark]] : []));
    return { byClass, marks, data: [at, ...Array.from({ length: width }, (_, column) => values(column))] };
  };

  // Upright lines with a name at the top.
  const drawMarks = (marks, ink, ground) => (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = ink;
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    ctx.font = `${11 * devicePixelRatio}px sans-serif`;
    ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
    for (const [when, name] of marks) {
      const x = plot.valToPos(when, "x", true);
      const right = x > bbox.left + bbox.width / 2;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const width = ctx.measureText(name).width;
      const left = right ? x - width - 5 * devicePixelRatio : x + 5 * devicePixelRatio;
      ctx.fillStyle = ground; // no line crosses the name
      ctx.fillRect(left - devicePixelRatio, bbox.top, width + 2 * devicePixelRatio, 15 * devicePixelRatio);
      ctx.fillStyle = ink;
      ctx.fillText(name, left, bbox.top + 11 * devicePixelRatio);
    }
    ctx.restore();
  };

  const draw = (where) => {
    const rows = document.getElementById(where.dataset.of);
    const { byClass, marks, data } = read(rows);
    drawn.get(where)?.destroy();
    drawn.delete(where);
    where.hidden = data[0].length < 2;
    if (where.hidden) return;
    const language = document.documentElement.lang;
    const numbers = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
    const shares = new Intl.NumberFormat(language, { style: "percent" });
    const span = data[0].at(-1) - data[0][0];
    const shown = span > 3 * 86400 ? [5, 10] : span > 600 ? [11, 16] : [11, 19]; // month and day, to the minute, second
    const named = (at) => (byClass ? numbers.format(at) : new Date(at * 1000).toISOString().slice(...shown));
    const styles = (rows.dataset.styles ?? "1 2 3").split(" ");
    const axis = { stroke: resolved("axis-ink"), grid: { stroke: resolved("axis-rule"), width: 1 }, ticks: { show: false }, font: "12px sans-serif" };
    const options = {
      width: where.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: !byClass }, y: { range: (_, __, most) => [0, Math.max(byClass ? 0.01 : 1, most * (marks.length ? 1.3 : 1.1))] } },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      axes: [
        { ...axis, values: (_, splits) => splits.map(named), space: 80 },
        { ...axis, values: (_, splits) => splits.map((value) => (byClass ? shares : numbers).format(value)), size: 60 },
      ],
      series: [
        {},
        ...data.slice(1).map((_, column) => ({
          stroke: resolved(`series-${styles[column]}`),
          width: 2,
          dash: DASHES[column],
          ...(byClass
            ? { paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } }
            : { points: { show: data[0].length < 40, size: 5, fill: resolved(`series-${styles[column]}`) } }),
        })),
      ],
      hooks: { draw: marks.length ? [drawMarks(marks, resolved("axis-ink"), resolved("axis-ground"))] : [] },
    };
    drawn.set(where, new uPlot(options, data, where));
  };

  const plots = document.querySelectorAll(".plot");
  const drawAll = () => plots.forEach(draw);
  plots.forEach((each) => (each.hidden = false));
  drawAll();
  new ResizeObserver(() => {
    for (const [where, drawing] of drawn) {
      if (where.clientWidth && where.clientWidth !== drawing.width) drawing.setSize({ width: where.clientWidth, height: HEIGHT });
    }
  }).observe(document.getElementById("main"));
  new MutationObserver(drawAll).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  return drawAll;
})();
