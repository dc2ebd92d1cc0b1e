// The first page: who one is, the forms, the drafts, what waits and why.

import { fill, make } from './dom';
import * as outbox from './queue';
import { Away } from './server';
import { about, frame, keepPages, languageButtons, showOutbox, signOut, whoIs, whoWas } from './shell';
import { signInForm } from './signin';
import { drafts, dropDraft, queue } from './store';
import { say, sayCount, sayTime, speakAsAsked } from './texts';

let parts;

async function show() {
    document.title = say('page.title');
    bar(null);
    if (about.missing) return missing();
    let who;
    let isAway = false;
    try {
        who = await whoIs();
    } catch (error) {
        if (!(error instanceof Away)) throw error;
        [who, isAway] = [await whoWas(), true];
    }
    if (!who && isAway) return fill(parts.main, make('section.card', make('p', say('trouble.away')), reload()), await waiting());
    if (!who) {
        return fill(parts.main, await signInForm(() => show().then(outbox.send)), await waiting());
    }
    bar(who);
    return fill(parts.main, isAway && make('p.away', say('trouble.away')), forms(who), await sketches(who), await waiting());
}

const reload = () => make('button.primary', { type: 'button', onclick: () => location.reload() }, say('page.reload'));

function bar(who) {
    fill(
        parts.bar,
        make('h1', say('page.title')),
        who && make('span.who', make('bdi', who.username)),
        who && make('button.plain', { type: 'button', onclick: leave }, say('signout.leave')),
        languageButtons(parts)
    );
}

async function leave() {
    try {
        if (await signOut()) await show();
    } catch (error) {
        if (!(error instanceof Away)) throw error;
        fill(parts.notice, say('trouble.away'));
    }
}

function missing() {
    return fill(
        parts.main,
        make('section.card', make('h2', say('missing.title')), make('p', say('missing.text')), make('a.button', { href: '/f/' }, say('page.back')))
    );
}

function forms(who) {
    if (who.cannot_send) return make('section.card', make('p', say('home.administrator')));
    if (!who.forms.length) return make('section.card', make('p', say('home.none')));
    const rows = who.forms.map((form) => make('li', make('a.form', { href: `/f/${encodeURIComponent(form.id)}` }, make('bdi', form.title))));
    return make('nav', { 'aria-label': say('home.forms') }, make('h2', say('home.forms')), make('ul.forms', rows));
}

async function sketches(who) {
    const all = await drafts();
    const own = all.filter((each) => each.username === who.username).sort((a, b) => b.savedAt - a.savedAt);
    if (!all.length) return null;
    const rows = own.map((each) =>
        make(
            'li.row',
            make('span', make('bdi', each.title), ' · ', make('bdi', each.name || say('draft.unnamed')), ' · ', sayTime(each.savedAt)),
            make('a.button', { href: `/f/${encodeURIComponent(each.form)}?draft=${encodeURIComponent(each.id)}` }, say('draft.resume')),
            make('button.plain', { type: 'button', onclick: () => drop(each) }, say('draft.discard'))
        )
    );
    const others = all.length - own.length;
    return make('section.card', make('h2', say('draft.title')), make('ul.rows', rows), others > 0 && make('p', sayCount('draft.others', others)));
}

async function drop(each) {
    if (!window.confirm(say('draft.confirm'))) return;
    await dropDraft(each.id);
    outbox.changed();
    await show();
}

async function waiting() {
    const items = await queue();
    if (!items.length) return null;
    const rows = items.map((item) =>
        make(
            'li.row',
            item.refusal ? { id: 'refused' } : {},
            make('span', make('bdi', item.title), ' · ', make('bdi', item.name || item.username), ' · ', sayTime(item.finishedAt)),
            item.refusal && make('p.reason', reason(item.refusal.status)),
            item.refusal && make('button.small', { type: 'button', onclick: () => outbox.retry(item) }, say('refused.retry')),
            item.refusal && make('button.plain', { type: 'button', onclick: () => throwAway(item) }, say('refused.discard'))
        )
    );
    return make('section.card.waiting', make('h2', say('outbox.title')), make('ul.rows', rows));
}

const KNOWN = [400, 403, 404, 405, 409, 410, 413];
const reason = (status) => say(KNOWN.includes(status) ? `refused.${status}` : 'refused.other', { status });

async function throwAway(item) {
    if (!window.confirm(say('refused.confirm'))) return;
    await outbox.discard(item);
    await show();
}

async function refresh() {
    const place = document.querySelector('section.waiting');
    const now = await waiting();
    if (place && now) place.replaceWith(now);
    else if (place) place.remove();
    else if (now && document.querySelector('main nav, main section')) parts.main.append(now);
}

function start() {
    speakAsAsked();
    parts = frame(show);
    outbox.onChange(() => refresh());
    outbox.start();
    showOutbox(parts.foot).catch(() => {});
    fill(parts.main, make('p', { role: 'status' }, say('page.loading')));
    show().catch(() => fill(parts.main, make('section.card', { role: 'alert' }, make('p', say('draft.failed')), reload())));
    keepPages();
}

start();
