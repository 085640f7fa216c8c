// A page that takes its time says so: what is shown stays in its place, dimmed, until the new comes.
const root = document.documentElement;
const SLOW_MS = 600;

function say(what) {
  if (what === null) delete root.dataset.loading;
  else root.dataset.loading = what;
  document.querySelector("main")?.setAttribute("aria-busy", String(what !== null));
}

// Rows that are swapped in time change nothing; a page that is coming goes on being told.
export async function tellingWhenSlow(swapped) {
  const slow = setTimeout(() => root.dataset.loading === undefined && say("rows"), SLOW_MS);
  try {
    return await swapped;
  } finally {
    clearTimeout(slow);
    if (root.dataset.loading === "rows") say(null);
  }
}

function opensPage(event) {
  const link = event.target.closest("a[href]");
  const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (link === null || !isPlain || link.hasAttribute("download") || link.target !== "") return false;
  const isHere = link.pathname === location.pathname && link.search === location.search;
  return link.origin === location.origin && !(isHere && link.hash !== "");
}

// Whoever else listens may keep the browser here: they are heard first.
function unlessPrevented(event) {
  setTimeout(() => event.defaultPrevented || say("page"));
}

document.addEventListener("click", (event) => {
  if (opensPage(event)) unlessPrevented(event);
});
document.addEventListener("submit", unlessPrevented);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && root.dataset.loading !== undefined) say(null);
});
window.addEventListener("pageshow", () => say(null));
