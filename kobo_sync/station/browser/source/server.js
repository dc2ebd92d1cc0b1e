// The station, asked from a page of its own.

const HEADERS = { 'X-Kobo-Sync': 'browser' };

export class Away extends Error {}

/** An answer of the station; raises Away when there is none. */
async function ask(path, options = {}) {
    try {
        return await fetch(path, { credentials: 'same-origin', redirect: 'error', cache: 'no-store', ...options });
    } catch {
        throw new Away(path);
    }
}

export const get = (path) => ask(path);
export const getPaper = (id) => ask(`/f/${encodeURIComponent(id)}/paper.json`, { cache: 'no-cache' });

export const post = (path, body) => {
    const headers = body instanceof FormData ? HEADERS : { ...HEADERS, 'Content-Type': 'application/json' };
    return ask(path, { method: 'POST', headers, body: body instanceof FormData ? body : JSON.stringify(body ?? {}) });
};
