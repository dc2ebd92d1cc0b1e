// The station, asked from a page of its own.

const HEADERS = { 'X-Kobo-Sync': 'browser' };

const PATIENCE_MS = 20000; // a Wi-Fi that is lost says nothing
const UPLOAD_MS = 600000;

export class Away extends Error {}

/** An answer of the station, its head at least; raises Away when there is none. */
async function ask(path, options = {}, patience = PATIENCE_MS) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), patience);
    try {
        return await fetch(path, { credentials: 'same-origin', redirect: 'error', cache: 'no-store', signal: stop.signal, ...options });
    } catch {
        throw new Away(path);
    } finally {
        clearTimeout(timer);
    }
}

export const get = (path) => ask(path);
export const getPaper = (id) => ask(`/f/${encodeURIComponent(id)}/paper.json`, { cache: 'no-cache' });

export const post = (path, body) => {
    const headers = body instanceof FormData ? HEADERS : { ...HEADERS, 'Content-Type': 'application/json' };
    const isUpload = body instanceof FormData;
    return ask(path, { method: 'POST', headers, body: isUpload ? body : JSON.stringify(body ?? {}) }, isUpload ? UPLOAD_MS : PATIENCE_MS);
};
