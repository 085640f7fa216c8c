// What a rep logs is kept here first, and sent when there is a network: in order, each exactly once.
import { drop, entries, entryOf, keep } from "./kept-entries.js";
import { begin, fieldsOf, forget, form as logForm, narrow, offers, refill, tell } from "./log-form.js";

const ANSWERED_WITHIN_MS = 8_000;
const AGAIN_AFTER_MS = 30_000;
const FOR_LATER = new Set([408, 429]);
const KEY_BYTES = 16;

let underWay = Promise.resolve();
let again = null;
let corrected = null;
let isLogging = false;

// `crypto.randomUUID` is for secure contexts only, which a plain address in the house's network is not.
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// The token of a page kept for days has expired; the page that sends has a new one.
function bodyOf(entry) {
  const body = new FormData();
  const token = document.querySelector("input[name=csrf]").value;
  for (const [name, value] of entry.fields) body.append(name, name === "csrf" ? token : value);
  body.append("sent_at", new Date().toISOString());
  return body;
}

function post(entry) {
  return fetch("/my-day/log", {
    method: "POST",
    body: bodyOf(entry),
    headers: { Accept: "application/json" },
  });
}

// A page that was kept, or open while its reader signed in anew, has the token of a session that is
// over. Where somebody else is signed in by now, nothing is sent in their name.
async function isStillOurs() {
  const answer = await fetch("/my-day");
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const token = page.querySelector("input[name=csrf]")?.value;
  if (token === undefined || page.body.dataset.reader !== document.body.dataset.reader) return false;
  for (const field of document.querySelectorAll("input[name=csrf]")) field.value = token;
  return true;
}

// The answer of a network's own sign-in page is none of ours.
async function saidBy(answer) {
  const isJson = answer.headers.get("Content-Type")?.includes("json");
  return isJson ? answer.json() : null;
}

async function setAside({ key, ...entry }, answer, said) {
  const words = document.getElementById("waiting").dataset;
  const detail = answer.status === 413 ? words.tooLarge : (said?.detail ?? words.refused);
  await keep({ ...entry, refused: { detail, errors: said?.errors ?? [] } }, key);
}

// Whether the next one can be tried: no refusal of one entry keeps those after it.
async function sendOne(entry) {
  let answer = await post(entry);
  if (answer.status === 403 && (await isStillOurs())) answer = await post(entry);
  else if (answer.status === 403) return askToSignIn(true);
  if (answer.status === 401) return askToSignIn(true);
  askToSignIn(false);
  const said = await saidBy(answer);
  if (answer.ok && said?.logged) {
    await drop(entry.key);
    history.replaceState(null, "", "#sent");
    return true;
  }
  const isRefused = answer.status >= 400 && answer.status < 500;
  const isForLater = FOR_LATER.has(answer.status) || answer.headers.has("Retry-After");
  if (!isRefused || isForLater) return false;
  await setAside(entry, answer, said);
  return true;
}

function askToSignIn(isNeeded) {
  document.querySelector("#waiting [data-signed-out]").hidden = !isNeeded;
  return false;
}

async function sendAll() {
  clearTimeout(again);
  try {
    if (!navigator.onLine) return;
    for (const entry of await entries()) {
      if (entry.refused) continue;
      if (await sendOne(entry)) continue;
      again = setTimeout(send, AGAIN_AFTER_MS);
      break;
    }
  } catch {
    // No network after all: it stays here until the next try.
    again = setTimeout(send, AGAIN_AFTER_MS);
  } finally {
    await show();
  }
}

// A browser that keeps nothing for us has nothing to send.
function send() {
  underWay = underWay.then(sendAll).catch(() => undefined);
  return underWay;
}

function button(text, className, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = className;
  made.textContent = text;
  made.addEventListener("click", act);
  return made;
}

function refusedItem(entry, words) {
  const summary = entry.fields.find(([name]) => name === "summary")?.[1];
  const { detail, errors } = entry.refused;
  const said = document.createElement("p");
  const why = errors.map(({ message }) => message).join(" ") || detail;
  said.textContent = [summary, why].filter(Boolean).join(" — ");
  const buttons = document.createElement("p");
  buttons.className = "buttons";
  if (logForm() !== null) buttons.append(button(words.correct, "", () => correct(entry)));
  const forgetIt = async () => {
    await drop(entry.key);
    await show();
  };
  buttons.append(button(words.drop, "secondary", forgetIt));
  const item = document.createElement("li");
  item.append(said, buttons);
  return item;
}

async function show() {
  const waiting = await entries();
  const place = document.getElementById("waiting");
  const refused = waiting.filter((entry) => entry.refused && entry.key !== corrected?.key);
  const queued = waiting.filter((entry) => !entry.refused);
  place.hidden = queued.length + refused.length === 0;
  place.querySelector("[data-count]").textContent = String(queued.length);
  place.querySelector("[data-queued]").hidden = queued.length === 0;
  place.querySelector("ul").replaceChildren(...refused.map((each) => refusedItem(each, place.dataset)));
  document.getElementById("sent").hidden = location.hash !== "#sent" || queued.length > 0;
}

// Back in the form as it was typed: what is sent then takes the place of what was refused.
function correct(entry) {
  const form = logForm();
  corrected = entry;
  refill(form, entry.fields);
  tell(form, entry.refused);
  return show();
}

async function keepTyped(form, submitter) {
  const before = corrected?.fields.find(([name]) => name === "occurred_at");
  const fields = await fieldsOf(form, submitter);
  fields.push(["key", newKey()], before ?? ["occurred_at", new Date().toISOString()]);
  return keep({ owner: document.body.dataset.reader, fields }, corrected?.key);
}

async function log(form, submitter) {
  let key;
  try {
    key = await keepTyped(form, submitter);
  } catch {
    // This browser keeps nothing for us, as some do in private windows: sent like any other form.
    return form.submit();
  }
  corrected = null;
  const patience = new Promise((resolve) => setTimeout(resolve, ANSWERED_WITHIN_MS));
  await Promise.race([send(), patience]);
  const entry = await entryOf(key);
  if (entry?.refused) return correct({ key, ...entry });
  form.reset();
  narrow(form);
  forget(form);
  form.closest("details")?.removeAttribute("open");
  if (entry === undefined) location.reload();
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("form[data-queued]")) return;
  event.preventDefault();
  if (isLogging) return;
  isLogging = true;
  try {
    await log(form, event.submitter);
  } finally {
    isLogging = false;
  }
});

// A row's button opens the form with its customer chosen, also where no other page can be fetched. A
// row that came after the form is none of its customers yet: its link gets the page anew.
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-log]");
  const form = logForm();
  if (link === null || form === null || !offers(form, link.dataset.log)) return;
  event.preventDefault();
  begin(form, link.dataset.log);
  const place = form.closest("details");
  place.open = true;
  place.scrollIntoView();
  form.elements.summary.focus({ preventScroll: true });
});

if (logForm() !== null) {
  logForm().addEventListener("change", () => narrow(logForm()));
  narrow(logForm());
}
if (document.getElementById("waiting") !== null) {
  window.addEventListener("online", send);
  window.addEventListener("offline", show);
  send();
}
