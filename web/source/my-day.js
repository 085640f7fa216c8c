// What a rep logs is kept here first, and sent when there is a network: in order, each exactly once.
const STORE = "waiting";
const LONGEST_SIDE = 1600;

function database() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("my-day", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { autoIncrement: true });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function kept(mode, work) {
  const opened = await database();
  try {
    return await new Promise((resolve, reject) => {
      const request = work(opened.transaction(STORE, mode).objectStore(STORE));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  } finally {
    opened.close();
  }
}

async function entries() {
  const keys = await kept("readonly", (store) => store.getAllKeys());
  const values = await kept("readonly", (store) => store.getAll());
  const owner = document.body.dataset.reader;
  return keys.map((key, index) => ({ key, ...values[index] })).filter((entry) => entry.owner === owner);
}

// Photos of phones are larger than they need to be to prove something.
async function smaller(photo) {
  const picture = await createImageBitmap(photo);
  const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob ?? photo), "image/jpeg", 0.8));
}

async function fieldsOf(form, submitter) {
  const fields = [];
  for (const [name, value] of new FormData(form, submitter)) {
    if (!(value instanceof File)) fields.push([name, value]);
    else if (value.size > 0) fields.push([name, await smaller(value).catch(() => value)]);
  }
  return fields;
}

// The token of a page kept for days has expired; the page that sends has a new one.
function bodyOf(entry) {
  const body = new FormData();
  const token = document.querySelector("input[name=csrf]").value;
  for (const [name, value] of entry.fields) body.append(name, name === "csrf" ? token : value);
  body.append("sent_at", new Date().toISOString());
  return body;
}

let sending = false;

async function send() {
  if (sending || !navigator.onLine) return show();
  sending = true;
  try {
    for (const entry of await entries()) {
      if (entry.refused) continue;
      const answer = await fetch("/my-day/log", {
        method: "POST",
        body: bodyOf(entry),
        headers: { Accept: "application/json" },
      });
      if (answer.ok) {
        await kept("readwrite", (store) => store.delete(entry.key));
        history.replaceState(null, "", "#sent");
      } else if (answer.status === 409 || answer.status === 422) {
        const { detail } = await answer.json();
        const { key, ...rest } = entry;
        await kept("readwrite", (store) => store.put({ ...rest, refused: detail }, key));
      } else break;
    }
  } catch {
    // No network after all: it stays here until the next try.
  } finally {
    sending = false;
    await show();
  }
}

async function show() {
  const waiting = await entries();
  const place = document.getElementById("waiting");
  if (place === null) return;
  const refused = waiting.filter((entry) => entry.refused);
  place.hidden = waiting.length === 0;
  place.querySelector("[data-count]").textContent = String(waiting.length - refused.length);
  place.querySelector("[data-queued]").hidden = waiting.length === refused.length;
  const list = place.querySelector("ul");
  list.replaceChildren(
    ...refused.map((entry) => {
      const item = document.createElement("li");
      const summary = entry.fields.find(([name]) => name === "summary")?.[1] ?? "";
      item.append(`${summary} — ${entry.refused} `);
      const drop = document.createElement("button");
      drop.type = "button";
      drop.className = "secondary";
      drop.textContent = place.dataset.drop;
      drop.addEventListener("click", async () => {
        await kept("readwrite", (store) => store.delete(entry.key));
        await show();
      });
      item.append(drop);
      return item;
    }),
  );
  const sent = document.getElementById("sent");
  sent.hidden = location.hash !== "#sent" || waiting.length > 0;
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("form[data-queued]")) return;
  event.preventDefault();
  const fields = await fieldsOf(form, event.submitter);
  fields.push(["key", crypto.randomUUID()], ["occurred_at", new Date().toISOString()]);
  await kept("readwrite", (store) => store.add({ owner: document.body.dataset.reader, fields }));
  form.reset();
  form.closest("details")?.removeAttribute("open");
  await send();
  if (navigator.onLine && (await entries()).length === 0) location.reload();
});

// A row's button opens the form with its customer chosen, also where no other page can be fetched.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-log]");
  const form = document.querySelector("form[data-queued]");
  if (button === null || form === null) return;
  event.preventDefault();
  form.elements.opportunity_id.value = button.dataset.log;
  const place = form.closest("details");
  place.open = true;
  place.scrollIntoView();
  form.elements.summary.focus({ preventScroll: true });
});

window.addEventListener("online", send);
window.addEventListener("offline", show);
send();
