// A form: opened, filled, kept while it is filled, and given to the queue when it is finished.

import { Form } from 'enketo-core';

import { fill, make } from './dom';
import { hold, isElsewhere } from './drafts';
import { filesOf, nameApart, takeUp } from './enketo/files';
import { asXml, isLastSaved, lastSaved, outside, recalled } from './lists';
import * as outbox from './queue';
import { Away, get, getPaper } from './server';
import { about, frame, keepPages, languageButtons, showOutbox, whoIs, whoWas } from './shell';
import { signInForm } from './signin';
import { deviceId, draft, drafts, dropDraft, enqueue, fact, keepForm, keptForms, NoStore, saveDraft } from './store';
import { language, languages, say, sayCount, sayTime, speak, speakAsAsked } from './texts';

const SAVE_MS = 500;
const LOOK_MS = 20000;
const NAMED = {
    '.show-canvas-btn': 'enketo.drawwidget.open',
    '.hide-canvas-btn': 'enketo.drawwidget.close',
    '.draw-widget__undo': 'enketo.undo',
    '.btn-reset': 'enketo.reset',
    '.btn-download': 'enketo.download',
    '.add-repeat-btn': 'enketo.repeat.add',
    '.repeat-buttons .remove': 'enketo.repeat.remove',
};
const home = about.back ?? '/f/';
const finish = about.trial ? 'trial.finish' : 'form.finish';
const session = { paper: null, lists: null, form: null, selector: null, who: null, timer: null, dirty: false, saving: Promise.resolve() };
let parts;

// ── getting the form ────────────────────────────────────────────────────────

/** Fetch the form and open it; *isNext* is for one more of what was just finished, whatever drafts there are. */
async function begin(isNext = false) {
    if (about.trial) return beginTrial();
    let answer;
    try {
        session.who = await whoIs();
        answer = await getPaper(about.form);
        if (answer.status === 401 || !session.who) return askToSignIn();
        if (answer.status === 422) return explain('form.unreadable', (await answer.json()).title);
        if (answer.status !== 200) return explain('form.not_yours');
        session.paper = await answer.json();
        session.lists = await fetchLists(session.paper);
        await keepForm({ uid: session.paper.uid, id: session.paper.id, paper: session.paper, lists: session.lists });
    } catch (error) {
        if (!(error instanceof Away)) throw error;
        const kept = (await keptForms()).find(({ uid, id }) => [uid, id].includes(about.form));
        session.who = session.who ?? (await whoWas());
        if (!kept || !session.who) return explain('form.away');
        [session.paper, session.lists] = [kept.paper, kept.lists];
    }
    return isNext ? open(null) : chooseDraft();
}

/** A form that is only tried: nothing of it is kept, and nothing sent. */
async function beginTrial() {
    const answer = await get(about.paper);
    if (answer.status === 422) return explain('form.unreadable', about.title);
    if (answer.status !== 200) return explain('form.away', about.title);
    session.who = { username: 'trial' };
    session.paper = await answer.json();
    session.lists = await fetchLists(session.paper);
    return open(null);
}

async function askToSignIn() {
    bar(say('page.title'));
    fill(parts.main, await signInForm(() => begin().catch(broken)));
}

/** The texts of the lists, by the ids of their instances. Raises Away. */
async function fetchLists(paper) {
    const lists = {};
    await Promise.all(
        outside(paper.model).filter((each) => !isLastSaved(each)).map(async ({ id, src }) => {
            if (src.startsWith('jr:')) return; // the form has no file of that name
            const answer = await get(src);
            if (answer.status === 200) lists[id] = { address: src, text: await answer.text() };
        })
    );
    return lists;
}

function explain(key, title, details = []) {
    session.form = session.selector = null;
    bar(title ?? say('page.title'));
    fill(
        parts.main,
        make(
            'section.card',
            { role: 'alert' },
            make('p', say(key)),
            details.length > 0 && make('details', make('summary', say('form.details')), make('ul', details.map((each) => make('li', each)))),
            make('a.button', { href: home }, say('page.back'))
        )
    );
}

// ── drafts ──────────────────────────────────────────────────────────────────

const own = async () => (await drafts()).filter((each) => each.uid === session.paper.uid && each.username === session.who.username);

async function chooseDraft() {
    const asked = new URLSearchParams(location.search).get('draft');
    const kept = await own();
    const chosen = asked && kept.find(({ id }) => id === asked);
    if (asked) history.replaceState(null, '', location.pathname);
    if (chosen) return resume(chosen.id);
    return kept.length ? offer(kept) : open(null);
}

function offer(kept) {
    bar(session.paper.title);
    const rows = kept.sort((a, b) => b.savedAt - a.savedAt).map((each) =>
        make(
            'li.row',
            make('span', make('bdi', each.name || say('draft.unnamed')), ' · ', sayTime(each.savedAt)),
            make('button.primary', { type: 'button', onclick: () => resume(each.id) }, say('draft.resume')),
            make('button.plain', { type: 'button', onclick: () => discard(each) }, say('draft.discard'))
        )
    );
    fill(
        parts.main,
        make('section.card', make('h2', say('draft.title')), make('ul.rows', rows), make('button.primary', { type: 'button', onclick: () => open(null) }, say('form.new')))
    );
}

async function discard(each) {
    if (!window.confirm(say('draft.confirm'))) return;
    await dropDraft(each.id);
    outbox.changed();
    await chooseDraft();
}

async function resume(id) {
    if (await isElsewhere(id)) {
        tell(say('draft.elsewhere'));
        return;
    }
    const kept = await draft(id);
    await open(kept ?? null);
}

/** Write the draft, one writing after the other; *force* also when nothing has changed. */
function save() {
    clearTimeout(session.timer);
    const { form, paper, who } = session;
    if (!form || !session.dirty || about.trial) return session.saving;
    session.dirty = false;
    session.saving = session.saving.then(async () => {
        try {
            const xml = form.getDataStr({ irrelevant: true });
            const files = filesOf(form.view.html, xml);
            const kept = { id: form.instanceID, uid: paper.uid, form: paper.id, title: paper.title, mark: paper.mark, username: who.username };
            if (session.form !== form) return; // finished meanwhile
            await saveDraft({ ...kept, name: form.instanceName || '', language: form.currentLanguage, savedAt: Date.now(), xml, files });
            saved(say('draft.saved'));
            outbox.changed();
        } catch (error) {
            session.dirty = true;
            saved(say(error?.name === 'QuotaExceededError' ? 'draft.full' : 'draft.failed'));
        }
    });
    return session.saving;
}

function saved(text) {
    const place = document.querySelector('.saved');
    if (place) place.textContent = text;
}

function touched() {
    session.dirty = true;
    saved('');
    clearTimeout(session.timer);
    session.timer = setTimeout(save, SAVE_MS);
}

// ── the form itself ─────────────────────────────────────────────────────────

/** The bar over the page: with a form that speaks two of our languages its own selector, or else our buttons. */
function bar(title) {
    const selector = session.selector?.classList.contains('hide') ? null : session.selector;
    fill(
        parts.bar,
        make('a.back', { href: home, 'aria-label': say('page.back') }, make('span', { 'aria-hidden': 'true' }, '☰')),
        make('h1', make('bdi', title)),
        session.selector,
        selector && speaksOurs() ? null : languageButtons(parts)
    );
    document.title = title;
}

const speaksOurs = () => session.paper.languages.filter((tag) => languages().includes(tag.toLowerCase().split(/[-_]/)[0])).length > 1;

async function open(kept) {
    const { paper } = session;
    session.form = null;
    session.selector = make('label.form-language-selector.hide', make('span', say('page.language')));
    bar(paper.title);
    takeUp(kept?.files ?? []);
    const fragment = document.createRange().createContextualFragment(paper.form);
    const element = fragment.querySelector('form.or');
    if (element.dataset.base64rsapublickey) return explain('form.encrypted', paper.title);
    document.querySelector('#theme').href = `${document.body.dataset.base}/enketo-${element.classList.contains('theme-grid') ? 'grid' : 'formhub'}.css`;
    speak(wantedLanguage(kept));
    const article = make('article.paper', element, footer(element));
    fill(parts.main, make('div.main', about.trial && make('p.trial', say('trial.note')), article));
    localise(element);
    let errors;
    let form;
    try {
        form = new Form(element, { ...(await data(kept)), session: { deviceid: about.trial ? 'trial' : await deviceId(), username: session.who.username } }, { language: wantedLanguage(kept) });
        errors = form.init();
    } catch (error) {
        errors = [String(error?.message ?? error)];
    }
    if (errors.length) return explain('form.broken', paper.title, errors);
    session.form = form;
    hold(form.instanceID);
    session.dirty = false;
    watch(form);
    ready(element);
    document.body.dataset.ready = form.instanceID;
    return undefined;
}

/** The form's language: of the draft, or the one spoken here, or the form's own. */
function wantedLanguage(kept) {
    const { languages: offered, language: usual } = session.paper;
    const spoken = offered.find((tag) => tag.toLowerCase().split(/[-_]/)[0] === language());
    return (offered.includes(kept?.language) && kept.language) || spoken || usual;
}

async function data(kept) {
    const { paper, lists } = session;
    const model = new DOMParser().parseFromString(paper.model, 'text/xml');
    const primary = model.querySelector('instance > *');
    const external = [];
    for (const each of outside(paper.model)) {
        const { id } = each;
        if (isLastSaved(each)) external.push({ id, xml: lastSaved(await fact(`last ${paper.uid}`), primary.nodeName) });
        else if (lists[id]) external.push({ id, xml: asXml(lists[id].address, lists[id].text) });
    }
    return { modelStr: paper.model, external, instanceStr: kept ? ofToday(kept.xml, primary) : undefined, submitted: false };
}

/** A draft's answers as answers to the form of today: its version is the form's that finishes it. */
function ofToday(xml, primary) {
    const draftOf = new DOMParser().parseFromString(xml, 'text/xml');
    [...primary.attributes].filter(({ name }) => !name.startsWith('xmlns')).forEach(({ name, value }) => draftOf.documentElement.setAttribute(name, value));
    return new XMLSerializer().serializeToString(draftOf);
}

/** Enketo's own words in the form's HTML. */
function localise(element) {
    element.querySelectorAll('[data-i18n]').forEach((node) => {
        node.textContent = say(`enketo.${node.dataset.i18n}`);
    });
}

/** What Enketo's widgets leave to be done: names for those who hear the page, words in its language. */
function ready(element) {
    for (const [selector, key] of Object.entries(NAMED)) {
        element.querySelectorAll(selector).forEach((node) => {
            if (selector === '.show-canvas-btn') node.textContent = say(key);
            else node.setAttribute('aria-label', say(key));
            node.removeAttribute('title');
        });
    }
    element.querySelectorAll('h4').forEach((node) => node.setAttribute('aria-level', '2')); // the bar has the first
    element.querySelectorAll('.rank-widget [role=option]').forEach((node) => node.removeAttribute('role')); // of no list
    document.querySelectorAll('.next-page, [role=page][tabindex]').forEach(inOrder);
    element.querySelectorAll('.fake-file-input').forEach((node) => node.setAttribute('placeholder', say('enketo.filepicker.placeholder', { maxSize: '90 Mo' })));
    localise(element);
}

/** Enketo numbers what is reached by the Tab key, and so leaves out all the rest. */
function inOrder(node) {
    if (node.matches('[role=page]')) node.setAttribute('tabindex', '-1');
    else node.removeAttribute('tabindex');
}

function footer(element) {
    const isPaged = element.classList.contains('pages');
    const turn = (name) => make(`button.btn.btn-default.${name}-page`, { type: 'button' }, say(`form.${name}`));
    const button = make('button.btn.btn-primary.finish', { type: 'button', onclick: finished }, say(finish));
    return make('div.form-footer', make('p.saved', { role: 'status' }), make('div.buttons', isPaged && turn('previous'), isPaged && turn('next'), button));
}

function watch(form) {
    const { html } = form.view;
    html.addEventListener('submit', (event) => event.preventDefault()); // the Enter key in a field
    html.addEventListener('dataupdate', touched);
    html.addEventListener('removerepeat', touched);
    html.addEventListener('addrepeat', () => ready(html));
    html.addEventListener('pageflip', ({ target }) => setTimeout(() => inOrder(target)));
    html.addEventListener('changelanguage', () => {
        if (!speak(form.currentLanguage)) return;
        session.selector.firstChild.textContent = say('page.language');
        for (const name of ['previous', 'next']) document.querySelectorAll(`.${name}-page`).forEach((node) => (node.textContent = say(`form.${name}`)));
        document.querySelector('.finish').textContent = say(finish);
        bar(session.paper.title);
        ready(html);
        showOutbox(parts.foot);
    });
    bar(session.paper.title);
}

// ── finishing ───────────────────────────────────────────────────────────────

async function finished() {
    const { form, paper, who } = session;
    const button = document.querySelector('.finish');
    button.disabled = true;
    try {
        form.view.html.dispatchEvent(new CustomEvent('before-save', { bubbles: true })); // `end` is now
        if (!(await form.validate())) {
            const n = form.view.html.querySelectorAll('.invalid-constraint, .invalid-required, .invalid-value').length;
            tell(sayCount('form.invalid', n), 'error');
            return;
        }
        if (about.trial) {
            tell(say('trial.done'));
            return;
        }
        await session.saving;
        clearTimeout(session.timer);
        const xml = compact(form.getDataStr({ irrelevant: false }));
        const item = { id: form.instanceID, uid: paper.uid, form: paper.id, title: paper.title, name: form.instanceName || '', username: who.username, finishedAt: Date.now(), xml, files: filesOf(form.view.html, xml) };
        session.dirty = false;
        const isNew = await enqueue(item, recalled(paper, form.getDataStr({ irrelevant: true })));
        session.form = session.selector = null;
        hold(null);
        thank(isNew);
        outbox.changed();
        outbox.send();
    } catch (error) {
        session.dirty = true;
        tell(say(error?.name === 'QuotaExceededError' ? 'draft.full' : 'draft.failed'), 'error');
    } finally {
        button.disabled = false;
    }
}

/** Without the line breaks of the form's own XML, as phones write it. */
function compact(xml) {
    const document = new DOMParser().parseFromString(xml, 'text/xml');
    [...document.getElementsByTagName('*')].filter((node) => node.children.length).forEach((node) => {
        [...node.childNodes].filter((child) => child.nodeType === Node.TEXT_NODE && !child.data.trim()).forEach((child) => child.remove());
    });
    return new XMLSerializer().serializeToString(document);
}

function thank(isNew) {
    delete document.body.dataset.ready;
    bar(session.paper.title);
    tell('');
    const again = () => begin(true).catch(broken); // with the lists of now
    fill(
        parts.main,
        make(
            'section.card.done',
            { role: 'status' },
            make('p.big', say(isNew ? 'done.thanks' : 'done.already')),
            make('p', say('done.goes')),
            make('button.primary.again', { type: 'button', onclick: again }, say('form.new')),
            make('a.button', { href: '/f/' }, say('page.back'))
        )
    );
    window.scrollTo(0, 0);
}

function tell(text, kind = '') {
    parts.notice.className = `notice ${kind}`;
    parts.notice.textContent = text;
    if (text) setTimeout(() => parts.notice.textContent === text && fill(parts.notice), 8000);
}

// ── a form or list that changed ─────────────────────────────────────────────

async function look() {
    if (document.visibilityState !== 'visible' || !session.form) return;
    try {
        const answer = await get(`/f/${encodeURIComponent(session.paper.uid)}/mark`);
        if (answer.status !== 200 || (await answer.json()).mark === session.paper.mark) return;
    } catch {
        return; // away
    }
    const id = session.form.instanceID;
    const isBlank = !(await draft(id)) && !session.dirty;
    const renew = async () => {
        await save();
        const kept = await draft(id);
        const answer = await getPaper(session.paper.uid);
        if (answer.status !== 200) return;
        session.paper = await answer.json();
        session.lists = await fetchLists(session.paper);
        await keepForm({ uid: session.paper.uid, id: session.paper.id, paper: session.paper, lists: session.lists });
        fill(parts.notice);
        await open(kept ?? null);
    };
    if (isBlank) await renew();
    else fill(parts.notice, say('form.changed'), ' ', make('button.small', { type: 'button', onclick: () => renew().catch(broken) }, say('form.renew')));
}

function broken(error) {
    if (error instanceof NoStore) explain('draft.failed', session.paper?.title);
    else explain('form.broken', session.paper?.title, [String(error?.message ?? error)]);
}

function redraw() {
    if (session.form) return; // its own selector speaks
    if (session.paper && !about.trial) chooseDraft().catch(broken);
    else begin().catch(broken);
}

function start() {
    document.head.append(make('link', { id: 'theme', rel: 'stylesheet', href: `${document.body.dataset.base}/enketo-formhub.css` }));
    if (about.trial) speak(about.language);
    else speakAsAsked();
    parts = frame(redraw);
    document.addEventListener('change', nameApart, true);
    document.addEventListener('visibilitychange', () => document.visibilityState === 'hidden' && save());
    window.addEventListener('pagehide', save);
    fill(parts.main, make('p', { role: 'status' }, say('page.loading')));
    begin().catch(broken);
    parts.foot.hidden = Boolean(about.trial);
    if (about.trial) return;
    const lookAround = () => look().catch(() => {});
    setInterval(lookAround, LOOK_MS);
    window.addEventListener('focus', lookAround);
    outbox.start();
    showOutbox(parts.foot).catch(() => {});
    keepPages();
}

start();
