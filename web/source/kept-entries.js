// What a rep logged and the server has not taken yet, in the browser's own storage.
const STORE = "waiting";

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

// Of whoever reads this page: others of the same browser have their own.
export async function entries() {
  const keys = await kept("readonly", (store) => store.getAllKeys());
  const values = await kept("readonly", (store) => store.getAll());
  const owner = document.body.dataset.reader;
  return keys.map((key, index) => ({ key, ...values[index] })).filter((entry) => entry.owner === owner);
}

export function entryOf(key) {
  return kept("readonly", (store) => store.get(key));
}

// In the place of an earlier one where its key is given.
export function keep(entry, key) {
  return kept("readwrite", (store) => (key === undefined ? store.add(entry) : store.put(entry, key)));
}

export function drop(key) {
  return kept("readwrite", (store) => store.delete(key));
}
