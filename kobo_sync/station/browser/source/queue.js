// What was filled goes to the station: in order, each once, whatever happens to the network, the tab or the answer.

import { post } from './server';
import { dropQueued, note, queue, wentOut } from './store';

const LONGEST_WAIT_MS = { away: 20000, other: 120000 }; // a station that is out of reach costs nobody anything to look for
const BATCH_BYTES = 60000000; // one post; a server refuses more than a hundred million
const channel = 'BroadcastChannel' in window ? new BroadcastChannel('kobo-sync') : null;
const listeners = [];
let failures = 0;
let timer = null;
let isDraining = false;

/** Of all tabs: `trouble` is null, 'away', 'signin', 'busy' or 'full'. */
export const status = { trouble: null, isSending: false };

export const onChange = (listener) => listeners.push(listener);

export function changed() {
    listeners.forEach((listener) => listener());
    channel?.postMessage('queue');
}

/** Send what waits, now; other tabs and other wakings see to it that it is done once. */
export async function send() {
    if (isDraining) return;
    isDraining = true;
    clearTimeout(timer);
    try {
        if (navigator.locks) {
            await navigator.locks.request('kobo-sync-queue', { ifAvailable: true }, (lock) => (lock ? drain() : undefined));
        } else {
            await drain(); // two tabs may post the same bytes: the station keeps them once
        }
        await again();
    } catch {
        // the browser keeps nothing, and so nothing waits: the page says it
    } finally {
        isDraining = false;
    }
}

async function drain() {
    const waiting = (await queue()).filter((item) => !item.refusal);
    if (!waiting.length) status.trouble = null;
    for (const item of waiting) {
        status.isSending = true;
        changed();
        const outcome = await sent(item);
        status.isSending = false;
        if (outcome === 'done') {
            await wentOut(item);
            [status.trouble, failures] = [null, 0];
        } else if (typeof outcome === 'number') {
            await note(item, { status: outcome, at: Date.now() });
        } else {
            status.trouble = outcome;
            failures += 1;
            changed();
            return;
        }
        changed();
    }
    changed();
}

/** 'done'; a status that no repetition changes; or what is amiss for now. */
async function sent(item) {
    for (const files of batches(item.files)) {
        const body = new FormData();
        body.append('xml_submission_file', new Blob([item.xml], { type: 'text/xml' }), 'submission.xml');
        files.forEach((file) => body.append(file.name, file.blob, file.name));
        let answer;
        try {
            answer = await post('/f/-/submission', body);
        } catch {
            return 'away';
        }
        if (answer.status === 401) return 'signin';
        if (answer.status === 503) return 'full'; // the station's word for a disk that is nearly so
        if (answer.status >= 500 || [408, 425, 429].includes(answer.status)) return 'busy';
        if (![201, 202].includes(answer.status)) return answer.status;
    }
    return 'done';
}

function batches(files) {
    const all = [[]];
    let bytes = 0;
    for (const file of files) {
        if (bytes && bytes + file.blob.size > BATCH_BYTES) {
            all.push([]);
            bytes = 0;
        }
        all[all.length - 1].push(file);
        bytes += file.blob.size;
    }
    return all;
}

/** While anything waits, it is tried again: soon at first, then as seldom as LONGEST_WAIT_MS says. */
async function again() {
    clearTimeout(timer);
    const waits = (await queue()).some((item) => !item.refusal);
    if (!waits) return;
    const longest = LONGEST_WAIT_MS[status.trouble] ?? LONGEST_WAIT_MS.other;
    const wait = Math.min(longest, 2000 * 2 ** Math.min(failures, 6)) * (0.8 + 0.4 * Math.random());
    timer = setTimeout(send, wait);
}

export async function retry(item) {
    await note(item, undefined);
    failures = 0;
    return send();
}

export async function discard(item) {
    await dropQueued(item.seq);
    changed();
}

export function start() {
    const now = () => {
        failures = 0;
        send();
    };
    window.addEventListener('online', now);
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && send());
    if (channel) channel.onmessage = ({ data }) => data === 'queue' && listeners.forEach((listener) => listener());
    send();
}
