// Draws a chart from the table that a figure names, so that both always say the same.
import { BarChart, HeatmapChart, LineChart } from "echarts/charts";
import { GridComponent, MarkLineComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([
  BarChart,
  HeatmapChart,
  LineChart,
  GridComponent,
  MarkLineComponent,
  TooltipComponent,
  VisualMapComponent,
  CanvasRenderer,
]);

const charts = new Map();

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function rowsOf(table) {
  const rows = [...table.querySelectorAll("tr[data-label]")];
  return rows.map((row) => {
    const value = row.dataset.value;
    return { label: row.dataset.label, value: value === "" ? null : Number(value) };
  });
}

function option(figure, rows) {
  const limit = figure.dataset.limit;
  const text = colour("--pico-muted-color");
  const mark = limit && {
    silent: true,
    symbol: "none",
    lineStyle: { color: colour("--over"), type: "dashed" },
    label: { formatter: figure.dataset.limitName, position: "insideStartTop", color: text },
    data: [{ yAxis: Number(limit) }],
  };
  return {
    animation: false,
    grid: { left: 40, right: 16, top: 16, bottom: 28 },
    tooltip: { trigger: "axis", renderMode: "richText", confine: true },
    xAxis: {
      type: "category",
      data: rows.map((row) => row.label),
      axisLabel: { color: text, hideOverlap: true },
    },
    yAxis: { type: "value", min: 0, max: Number(figure.dataset.most ?? 100), axisLabel: { color: text } },
    series: [
      {
        type: figure.dataset.kind ?? "line",
        data: rows.map((row) => row.value),
        color: colour("--pico-primary"),
        symbolSize: 8,
        lineStyle: { width: 2 },
        markLine: mark || undefined,
      },
    ],
  };
}

function draw() {
  for (const figure of document.querySelectorAll("[data-chart]")) {
    const table = document.getElementById(figure.dataset.chart);
    if (table === null) continue;
    let chart = charts.get(figure);
    if (chart === undefined) {
      chart = init(figure);
      charts.set(figure, chart);
    }
    chart.setOption(option(figure, rowsOf(table)), true);
  }
}

document.addEventListener("rows-changed", draw);
window.addEventListener("resize", () => charts.forEach((chart) => chart.resize()));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
draw();
