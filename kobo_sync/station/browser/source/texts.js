// The words of the page, in the language chosen; the server sends them beside this script.

const every = window.koboSyncTexts;
const KEPT = 'kobo-sync.language';
const TIMES = { fr: 'fr-FR', en: 'en-GB', ar: 'ar-MA' };
let current = 'fr';

export const languages = () => Object.keys(every);
export const language = () => current;

/** The text of *key*, its `__names__` filled in. */
export function say(key, values = {}) {
    const text = every[current][key] ?? key;
    return text.replace(/__(\w+?)__/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** `one`, `two`, `few`, `many` and the rest, as Arabic counts too. */
export function sayCount(key, n) {
    const rule = new Intl.PluralRules(current).select(n);
    const form = n === 0 && `${key}.zero` in every[current] ? 'zero' : rule;
    return say(`${key}.${form}` in every[current] ? `${key}.${form}` : `${key}.other`, { n });
}

/** Speak *tag* (`ar`, `fr-MA`) from now on; false when there are no words for it. */
export function speak(tag) {
    const name = String(tag ?? '').toLowerCase().split(/[-_]/)[0];
    if (!(name in every)) return false;
    current = name;
    document.documentElement.lang = name;
    document.documentElement.dir = name === 'ar' ? 'rtl' : 'ltr';
    try {
        localStorage.setItem(KEPT, name);
    } catch {
        // a browser that keeps nothing asks again
    }
    return true;
}

/** The language asked for in the address, chosen before, of the browser, or, as the page came, of the mission's documents. */
export function speakAsAsked() {
    let kept = null;
    try {
        kept = localStorage.getItem(KEPT);
    } catch {
        // as above
    }
    const asked = [new URLSearchParams(location.search).get('lang'), kept, ...navigator.languages, document.documentElement.lang];
    asked.find((tag) => tag && speak(tag));
}

/** A moment as people here write it. */
export function sayTime(moment) {
    const options = { day: '2-digit', month: '2-digit', hour: '2-digit', minute: '2-digit' };
    return new Intl.DateTimeFormat(TIMES[current], options).format(new Date(moment));
}
