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
    const { label, value, level } = row.dataset;
    return { label, value: value === "" ? null : Number(value), level };
  });
}

function point(row, position, text) {
  if (position === undefined) return row.value;
  const itemStyle = row.level && { color: colour(`--${row.level}`) };
  return { value: row.value, itemStyle, label: { show: true, position, color: text } };
}

// Bars across read from the top down, their names beside them.
function axes(figure, rows, text) {
  const most = Number(figure.dataset.most ?? 100);
  const across = figure.dataset.across !== undefined;
  const names = {
    type: "category",
    data: rows.map((row) => row.label),
    inverse: across,
    axisLabel: { color: text, hideOverlap: true, width: across ? 112 : undefined, overflow: "break" },
  };
  const amounts = { type: "value", min: 0, max: most, axisLabel: { color: text }, show: !across };
  return across ? { yAxis: names, xAxis: amounts } : { xAxis: names, yAxis: amounts };
}

function option(figure, rows) {
  const { limit, kind = "line", across } = figure.dataset;
  const text = colour("--pico-muted-color");
  const labelled = kind === "bar" ? (across === undefined ? "top" : "right") : undefined;
  const mark = limit && {
    silent: true,
    symbol: "none",
    lineStyle: { color: colour("--over"), type: "dashed" },
    label: { formatter: figure.dataset.limitName, position: "insideStartTop", color: text },
    data: [{ yAxis: Number(limit) }],
  };
  return {
    animation: false,
    grid:
      across === undefined
        ? { left: 40, right: 16, top: 16, bottom: 28 }
        : { left: 120, right: 48, top: 4, bottom: 4 },
    tooltip: { trigger: "axis", renderMode: "richText", confine: true },
    ...axes(figure, rows, text),
    series: [
      {
        type: kind,
        data: rows.map((row) => point(row, labelled, text)),
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
