// What this browser keeps: drafts, what waits to be sent, forms for when the station is away, and a few facts.

const NAME = 'kobo-sync';
const COUNTED = 200; // identities of what went, so that nothing goes twice under another guise
let opened = null;

/** The browser keeps nothing: no room, or a private window. */
export class NoStore extends Error {}

function open() {
    opened ??= new Promise((resolve, reject) => {
        const asked = window.indexedDB.open(NAME, 1);
        asked.onupgradeneeded = () => {
            const db = asked.result;
            db.createObjectStore('drafts', { keyPath: 'id' });
            db.createObjectStore('queue', { keyPath: 'seq', autoIncrement: true }).createIndex('id', 'id', { unique: true });
            db.createObjectStore('forms', { keyPath: 'uid' });
            db.createObjectStore('facts', { keyPath: 'name' });
        };
        asked.onsuccess = () => {
            asked.result.onversionchange = () => asked.result.close();
            resolve(asked.result);
        };
        asked.onerror = () => reject(asked.error);
    }).catch(() => {
        opened = null;
        throw new NoStore();
    });
    return opened;
}

/** Do *act* in one transaction over *stores*; resolves when it is on the disk, with what *act*'s request gave. */
async function within(stores, mode, act) {
    const db = await open();
    return new Promise((resolve, reject) => {
        const strict = { durability: 'strict' };
        const transaction = db.transaction(stores, mode, mode === 'readwrite' ? strict : undefined);
        const request = act(...stores.map((name) => transaction.objectStore(name)));
        transaction.oncomplete = () => resolve(request?.result);
        transaction.onabort = () => reject(transaction.error);
    });
}

const read = (store, act) => within([store], 'readonly', act);
const all = (store) => read(store, (table) => table.getAll());

export const drafts = () => all('drafts');
export const draft = (id) => read('drafts', (table) => table.get(id));
export const saveDraft = (kept) => within(['drafts'], 'readwrite', (table) => table.put(kept));
export const dropDraft = (id) => within(['drafts'], 'readwrite', (table) => table.delete(id));

export const queue = () => all('queue');

/** A filled form leaves the drafts and waits, both or neither. False: it waits already, or went. */
export async function enqueue(item, lastSaved) {
    const sent = (await fact('sent')) ?? { n: 0, ids: [] };
    if (sent.ids.includes(item.id)) return false;
    try {
        await within(['drafts', 'queue', 'facts'], 'readwrite', (drafts, queue, facts) => {
            drafts.delete(item.id);
            queue.add(item);
            facts.put({ name: `last ${item.uid}`, value: lastSaved });
        });
    } catch (error) {
        if (error?.name === 'ConstraintError') return false;
        throw error;
    }
    return true;
}

/** It went: nothing of it stays here but its identity and the count. */
export function wentOut(item) {
    return within(['queue', 'facts'], 'readwrite', (queue, facts) => {
        queue.delete(item.seq);
        facts.get('sent').onsuccess = (event) => {
            const { n, ids } = event.target.result?.value ?? { n: 0, ids: [] };
            if (ids.includes(item.id)) return;
            facts.put({ name: 'sent', value: { n: n + 1, ids: [...ids, item.id].slice(-COUNTED), at: Date.now() } });
        };
    });
}

/** Note on an item that waits: how the server refused it, or nothing (it is tried again). */
export function note(item, refusal) {
    return within(['queue'], 'readwrite', (queue) => {
        queue.get(item.seq).onsuccess = (event) => {
            if (event.target.result) queue.put({ ...event.target.result, refusal });
        };
    });
}

export const dropQueued = (seq) => within(['queue'], 'readwrite', (table) => table.delete(seq));

export const keptForms = () => all('forms');
export const keepForm = (form) => within(['forms'], 'readwrite', (table) => table.put(form));

export const fact = (name) => read('facts', (table) => table.get(name)).then((row) => row?.value);
export const setFact = (name, value) => within(['facts'], 'readwrite', (table) => table.put({ name, value }));

/** What signing out erases: forms with their lists of names, the answers that the next form would recall. */
export function forget() {
    return within(['forms', 'facts'], 'readwrite', (forms, facts) => {
        forms.clear();
        facts.delete('who');
        facts.getAllKeys().onsuccess = (event) =>
            event.target.result.filter((name) => String(name).startsWith('last ')).forEach((name) => facts.delete(name));
    });
}

/** This browser's own name on submissions: the same as long as it keeps its data. */
export async function deviceId() {
    const kept = await fact('device');
    if (kept) return kept;
    const signs = [...crypto.getRandomValues(new Uint8Array(12))].map((n) => n.toString(36).padStart(2, '0'));
    const made = `web:${signs.join('').slice(0, 16)}`;
    await setFact('device', made);
    return made;
}
