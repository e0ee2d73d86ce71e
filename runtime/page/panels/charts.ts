/** One live chart for each metric, training and validation in one. */

import uPlot from "uplot";
import { formatMetric } from "../../training/report/format.ts";
import { findAny, make, setText } from "../elements.ts";
import { quantityName } from "../format.ts";
import type { Logs } from "../protocol.ts";
import type { Series } from "../series.ts";

const HEIGHT = 200;

export interface Charts {
  /** Makes a chart for each metric of a model. */
  readonly build: (metrics: readonly string[], validates: boolean) => void;
  /** Shows what the series holds by now; drawn with the next frame. */
  readonly update: (logs: Logs) => void;
}

interface Chart {
  readonly metric: string;
  readonly holder: HTMLElement;
  readonly values: { readonly training: HTMLElement; readonly validation: HTMLElement };
  plot: uPlot | undefined;
}

export function createCharts(series: Series): Charts {
  const list = findAny("charts");
  let charts: readonly Chart[] = [];
  let frame = 0;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  const draw = () => {
    frame = 0;
    for (const chart of charts) {
      if (series.isEmpty) {
        chart.plot?.destroy();
        chart.plot = undefined;
        chart.holder.classList.add("empty");
        setText(chart.holder, "The curve appears here as training goes on.");
        continue;
      }
      if (chart.plot === undefined) {
        chart.holder.textContent = "";
        chart.holder.classList.remove("empty");
        chart.plot = createPlot(chart.holder);
      }
      chart.plot.setData(series.columns(chart.metric));
    }
  };
  const drawSoon = () => {
    if (frame === 0) frame = requestAnimationFrame(draw);
  };
  const resize = new ResizeObserver(() => {
    for (const { plot, holder } of charts) {
      if (holder.clientWidth > 0) plot?.setSize({ width: holder.clientWidth, height: HEIGHT });
    }
  });
  // Colours are painted, so another scheme needs other plots.
  dark.addEventListener("change", () => {
    for (const chart of charts) {
      chart.plot?.destroy();
      chart.plot = undefined;
    }
    drawSoon();
  });

  return {
    build: (metrics, validates) => {
      charts = metrics.map((metric) => createChart(metric, validates));
      list.replaceChildren(...charts.map(({ holder }) => holder.parentElement!));
      for (const { holder } of charts) resize.observe(holder);
      drawSoon();
    },
    update: (logs) => {
      for (const { metric, values, holder } of charts) {
        const [training, validation] = [logs[metric], logs[`val_${metric}`]];
        setText(values.training, training === undefined ? "–" : formatMetric(training));
        setText(values.validation, validation === undefined ? "–" : formatMetric(validation));
        const name = quantityName(metric);
        holder.setAttribute("aria-label", describe(name, training, validation));
      }
      drawSoon();
    },
  };
}

function createChart(metric: string, validates: boolean): Chart {
  const values = { training: make("span", "value", "–"), validation: make("span", "value", "–") };
  const keys = [make("span", "key training", "training ", values.training)];
  if (validates) keys.push(make("span", "key validation", "validation ", values.validation));
  const head = make(
    "div",
    "chart-head",
    make("h3", "", quantityName(metric)),
    make("div", "chart-values", ...keys),
  );
  const holder = make("div", "plot empty");
  holder.setAttribute("role", "img");
  holder.setAttribute("aria-label", describe(quantityName(metric), undefined, undefined));
  make("div", "chart", head, holder);
  return { metric, holder, values, plot: undefined };
}

function describe(name: string, training?: number, validation?: number): string {
  if (training === undefined) return `Curve of ${name}: nothing yet`;
  const held = validation === undefined ? "" : `, of validation ${formatMetric(validation)}`;
  return `Curve of ${name} over epochs; the newest value of training is ${formatMetric(training)}${held}. The table below has all epochs.`;
}

function createPlot(holder: HTMLElement): uPlot {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const font = `12px ${style.fontFamily}`;
  const axis = {
    font,
    stroke: color("--muted"),
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
  };
  const options: uPlot.Options = {
    width: Math.max(1, holder.clientWidth),
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false, range: (_plot, _low, high) => [0, Math.max(1, Math.ceil(high))] } },
    axes: [
      { ...axis, size: 26, gap: 6, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000] },
      { ...axis, size: 54, gap: 6, space: 32 },
    ],
    series: [
      {},
      { label: "training", stroke: color("--accent"), width: 2, points: { show: false } },
      {
        label: "validation",
        stroke: color("--second"),
        width: 2,
        dash: [6, 4],
        spanGaps: true,
        points: { show: true, size: 6, fill: color("--second") },
      },
    ],
  };
  return new uPlot(options, [[], [], []], holder);
}
