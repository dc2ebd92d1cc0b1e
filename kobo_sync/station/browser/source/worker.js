// The service worker: pages and files stay, and are shown when the station does not answer.

const SHELL = 'kobo-sync-shell';
const MEDIA = 'kobo-sync-media';
const PATIENCE_MS = 4000;

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('message', (event) => {
    const { keep, base, forget } = event.data ?? {};
    if (forget) event.waitUntil(caches.delete(MEDIA));
    if (keep) event.waitUntil(put(keep, base));
});

async function put(addresses, base) {
    const cache = await caches.open(SHELL);
    await Promise.all(
        addresses.map(async (address) => {
            const isFile = new URL(address, self.location).pathname.startsWith('/f/-/static/');
            if (isFile && (await cache.match(address))) return;
            const answer = await fetch(address).catch(() => null);
            if (answer?.ok) await cache.put(address, answer);
        })
    );
    for (const request of await cache.keys()) {
        const { pathname } = new URL(request.url);
        if (pathname.startsWith('/f/-/static/') && !pathname.startsWith(`${base}/`)) await cache.delete(request);
    }
}

self.addEventListener('fetch', (event) => {
    const { request } = event;
    const url = new URL(request.url);
    if (request.method !== 'GET' || url.origin !== self.location.origin) return;
    if (request.mode === 'navigate') event.respondWith(page(request, url));
    else if (url.pathname.startsWith('/f/-/static/')) event.respondWith(file(request, SHELL));
    else if (/^\/f\/[^/]+\/media\//.test(url.pathname) && request.destination) event.respondWith(file(request, MEDIA));
});

/** The page of today when the station answers soon, or else the one that was kept. */
async function page(request, url) {
    const cache = await caches.open(SHELL);
    const kept = await cache.match(url.pathname);
    const fresh = fetch(request).then(async (answer) => {
        if (answer.ok) await cache.put(url.pathname, answer.clone());
        return answer;
    });
    if (!kept) return fresh;
    const late = new Promise((resolve) => setTimeout(() => resolve(kept), PATIENCE_MS));
    return Promise.race([fresh.catch(() => kept), late]);
}

async function file(request, name) {
    const cache = await caches.open(name);
    const kept = await cache.match(request);
    if (kept) return kept;
    const answer = await fetch(request);
    if (answer.status === 200) await cache.put(request, answer.clone());
    return answer;
}
