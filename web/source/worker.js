// Keeps My day and what it is made of, so that it opens without a network. Nothing else is kept.
const KEPT = "my-day-1";

self.addEventListener("install", (event) => event.waitUntil(self.skipWaiting()));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

async function fresh(request) {
  const answer = await fetch(request);
  const cache = await caches.open(KEPT);
  // Signed out, or somebody else now: what the last reader saw is no longer shown.
  if (answer.status === 401) await caches.delete(KEPT);
  else if (answer.ok && !answer.redirected) await cache.put(request, answer.clone());
  return answer;
}

async function freshOrKept(request) {
  try {
    return await fresh(request);
  } catch (failure) {
    const found = await caches.match(request, { ignoreSearch: true });
    if (found !== undefined) return found;
    throw failure;
  }
}

async function keptOrFresh(request) {
  return (await caches.match(request)) ?? fresh(request);
}

self.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (pathname === "/sign-out") event.waitUntil(caches.delete(KEPT));
  if (event.request.method !== "GET" || origin !== self.location.origin) return;
  if (pathname.startsWith("/assets/")) event.respondWith(keptOrFresh(event.request));
  else if (pathname === "/my-day") event.respondWith(freshOrKept(event.request));
});
