// What every page does: live rows by server-sent events, filters that send themselves, freshness.
import htmx from "htmx.org/dist/htmx.esm.js";
import { tellingWhenSlow } from "./loading.js";

const MOST_OFTEN_MS = 450;
const AFTERWARDS_MS = 2_000;
const AGAIN_AFTER_MS = 10_000;
const LIVE = "#live";

let stream = null;
let waiting = null;
let trailing = null;
let lastRefresh = 0;
let refused = null;

function isBeingEdited() {
  const active = document.activeElement;
  return active !== null && active.matches(`${LIVE} input, ${LIVE} select, ${LIVE} textarea`);
}

async function refresh() {
  waiting = null;
  if (isBeingEdited()) return schedule();
  lastRefresh = Date.now();
  refused = null;
  try {
    const swapped = htmx.ajax("GET", location.pathname + location.search, {
      target: LIVE,
      select: LIVE,
      swap: "outerMorph",
    });
    await tellingWhenSlow(swapped);
    if (refused !== null) return stay();
    if (isAway()) tell("live");
    document.dispatchEvent(new CustomEvent("rows-changed"));
    if (document.querySelector(`${LIVE}[data-behind], [data-running]`) !== null) schedule();
  } catch {
    tell("away");
  }
}

// A refusal takes the place of no row, nor of what is being typed; a server comes back by itself.
function stay() {
  tell("away");
  if (refused >= 500) setTimeout(schedule, AGAIN_AFTER_MS);
}

document.addEventListener("htmx:response:error", ({ detail }) => {
  refused = detail.ctx.response.status;
});

function schedule() {
  if (waiting !== null || !document.querySelector(LIVE)) return;
  waiting = setTimeout(refresh, Math.max(0, lastRefresh + MOST_OFTEN_MS - Date.now()));
}

// What follows from what was recorded (a signal, an escalation) comes a moment later.
function changed() {
  schedule();
  clearTimeout(trailing);
  trailing = setTimeout(schedule, AFTERWARDS_MS);
}

function tell(state) {
  document.documentElement.dataset.connection = state;
}

function isAway() {
  return document.documentElement.dataset.connection === "away";
}

function follow() {
  if (stream !== null || document.hidden || !document.querySelector(`${LIVE}[data-follows]`)) return;
  stream = new EventSource("/api/v1/live");
  stream.addEventListener("open", () => {
    if (isAway()) schedule();
    tell("live");
  });
  stream.addEventListener("message", changed);
  stream.addEventListener("error", () => tell("away"));
}

function rest() {
  stream?.close();
  stream = null;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return rest();
  schedule();
  follow();
});

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-filters]");
  if (form !== null) form.requestSubmit();
});

// An empty field is no filter: it stays out of the address.
document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-filters]")) return;
  if (event.target.matches("[data-keeps-empty]")) return;
  for (const field of event.target.elements) field.disabled = field.name !== "" && field.value === "";
});
window.addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form[data-filters] :disabled")) field.disabled = false;
});

// The menu closes like any other: by Escape, or by a tap beside it.
const menu = document.querySelector("details.menu");
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !menu?.open) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
document.addEventListener("click", (event) => {
  if (menu?.open && !menu.contains(event.target)) menu.open = false;
});

window.addEventListener("online", schedule);
window.addEventListener("offline", () => tell("away"));
follow();
if (document.querySelector("[data-running]") !== null) schedule();

if ("serviceWorker" in navigator && document.body.dataset.worker !== undefined) {
  navigator.serviceWorker.register("/worker.js");
}
