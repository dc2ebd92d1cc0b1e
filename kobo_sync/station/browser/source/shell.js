// The frame around everything: language, who is signed in, what waits and what went.

import { fill, make } from './dom';
import * as outbox from './queue';
import { get, post } from './server';
import { drafts, fact, forget, queue, setFact } from './store';
import { language, languages, say, sayCount, speak } from './texts';

const NAMES = { fr: 'Français', en: 'English', ar: 'العربية' };
const FILES = ['texts.js', 'pages.js', 'form.js', 'shell.css', 'icon.svg', 'enketo-formhub.css', 'enketo-grid.css'];
export const about = JSON.parse(document.body.dataset.about);

/** The page's parts: `bar`, `notice`, `main`, `foot`. *redraw* is called when the language changes. */
export function frame(redraw) {
    const parts = {
        bar: make('header.bar'),
        notice: make('div.notice', { role: 'status', 'aria-live': 'polite' }),
        main: make('main'),
        foot: make('footer.outbox', { 'aria-label': say('outbox.title') }),
    };
    fill(document.getElementById('page'), parts.bar, parts.main, parts.notice, parts.foot);
    parts.choose = (tag) => {
        speak(tag);
        parts.foot.setAttribute('aria-label', say('outbox.title'));
        redraw();
        showOutbox(parts.foot);
    };
    outbox.onChange(() => showOutbox(parts.foot));
    return parts;
}

export function languageButtons(parts) {
    const buttons = languages().map((tag) =>
        make('button.plain', { type: 'button', lang: tag, 'aria-pressed': String(tag === language()), onclick: () => parts.choose(tag) }, NAMES[tag])
    );
    return make('div.languages', { role: 'group', 'aria-label': say('page.language') }, buttons);
}

/** Who is signed in and what they may fill, from the station; null: nobody. Raises Away. */
export async function whoIs() {
    const answer = await get('/f/-/state');
    if (answer.status !== 200) return null;
    const state = await answer.json();
    await setFact('who', state);
    return state;
}

export const whoWas = () => fact('who');

export async function signOut() {
    const waiting = (await queue()).length;
    const own = (await drafts()).length;
    if (waiting + own && !window.confirm(say('signout.warn', { waiting, drafts: own }))) return false;
    await post('/f/-/sign-out');
    await forget();
    navigator.serviceWorker?.controller?.postMessage({ forget: true });
    return true;
}

let drawing = 0;

/** How many drafts, how many wait, how many went, and what is amiss. */
export async function showOutbox(foot) {
    const turn = (drawing += 1);
    const [waiting, sketches, sent] = await Promise.all([queue(), drafts(), fact('sent')]);
    if (turn !== drawing) return; // a later call draws it
    const refused = waiting.filter((item) => item.refusal).length;
    const open = waiting.length - refused;
    const { trouble } = outbox.status;
    const counts = [
        make('span', { 'data-drafts': String(sketches.length) }, sayCount('outbox.drafts', sketches.length)),
        make('span', { 'data-waiting': String(open) }, sayCount('outbox.waiting', open)),
        make('span', { 'data-sent': String(sent?.n ?? 0) }, sayCount('outbox.sent', sent?.n ?? 0)),
        refused > 0 && make('a.refused', { href: '/f/#refused', 'data-refused': String(refused) }, sayCount('outbox.refused', refused)),
    ];
    const told = open && trouble ? say(`trouble.${trouble}`) : '';
    fill(
        foot,
        make('p.counts', counts),
        make('p.trouble', { role: 'status' }, told),
        open > 0 && make('button.small', { type: 'button', onclick: () => outbox.send() }, say('outbox.send')),
        open > 0 && trouble === 'signin' && make('a.button.small', { href: '/f/#signin' }, say('signin.title'))
    );
}

/** The shell and its files stay, where browsers let them: on this machine itself, or over TLS that they trust. */
export async function keepPages() {
    if (!('serviceWorker' in navigator)) return;
    try {
        await navigator.serviceWorker.register('/f/-/worker.js', { scope: '/f/' });
        const { active } = await navigator.serviceWorker.ready;
        const base = document.body.dataset.base;
        const files = FILES.map((name) => `${base}/${name}`);
        active?.postMessage({ keep: ['/f/', location.pathname, ...files], base });
        await navigator.storage?.persist?.();
    } catch {
        // it works without
    }
}
