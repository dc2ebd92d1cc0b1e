// The files of the form that is open: chosen just now, drawn, or of the draft that was taken up again.

import { dataUriToBlobSync, getFilename } from 'enketo-core/src/js/utils';
import TranslatedError from 'enketo-core/src/js/translated-error';

const MOST_BYTES = 90000000; // the station's own limit, less what surrounds a file
const ADDRESS = /^[a-z][a-z0-9+.-]*:\/\//i;
let ofDraft = new Map();

/** Take up a draft's files: `{name, blob}`. */
export function takeUp(files) {
    ofDraft = new Map(files.map((file) => [file.name, file.blob]));
}

/** `{name, blob}` of every file that *xml* names. */
export function filesOf(form, xml) {
    const found = new Map();
    const selector = 'input[type="file"]:not(.ignore), input[type="text"][data-drawing="true"]';
    form.querySelectorAll(selector).forEach((input) => {
        const [name, blob] = input.type === 'file' ? chosen(input) : drawn(input);
        if (blob) found.set(name, blob);
    });
    const named = new Set(
        [...new DOMParser().parseFromString(xml, 'text/xml').getElementsByTagName('*')]
            .filter((node) => !node.children.length)
            .map((node) => node.textContent.trim())
    );
    ofDraft.forEach((blob, name) => found.has(name) || found.set(name, blob));
    return [...found].filter(([name]) => named.has(name)).map(([name, blob]) => ({ name, blob }));
}

function chosen(input) {
    const file = input.files[0];
    if (!file) return ['', null];
    const resized = input.dataset.resized && input.dataset.resizedDataURI;
    return [getFilename(file, input.dataset.filenamePostfix), resized ? dataUriToBlobSync(input.dataset.resizedDataURI) : file];
}

function drawn(input) {
    if (!input.value || ADDRESS.test(input.value) || !input.dataset.cache) return ['', null];
    return [getFilename({ name: input.value }, input.dataset.filenamePostfix), dataUriToBlobSync(input.dataset.cache)];
}

/** Each file a name of its own: two phones' cameras both say image.jpg, and one form may have two of them. */
export function nameApart(event) {
    const input = event.target;
    if (input.type !== 'file' || !input.files?.[0] || input.classList.contains('ignore')) return;
    delete input.dataset.resized; // of the file before
    delete input.dataset.resizedDataURI;
    const [file] = input.files;
    const [, stem, ending] = /^(.*?)(\.\w{1,8})?$/s.exec(file.name);
    const plain = stem.normalize('NFC').replace(/[^\p{L}\p{N}._-]+/gu, '_').slice(0, 60) || 'file';
    const mark = Math.random().toString(36).slice(2, 7);
    try {
        const transfer = new DataTransfer();
        transfer.items.add(new File([file], `${plain}-${mark}${ending ?? ''}`, { type: file.type, lastModified: file.lastModified }));
        input.files = transfer.files;
    } catch {
        // an old browser keeps the name; the second of choosing is added to it anyway
    }
}

const tooLarge = (file) => file && file.size > MOST_BYTES;

export default {
    init: () => Promise.resolve(true),
    isWaitingForPermissions: () => false,
    isTooLarge: tooLarge,
    getMaxSizeReadable: () => `${MOST_BYTES / 1000000} Mo`,
    getCurrentFiles: () => [],
    async getFileUrl(subject) {
        if (!subject) return null;
        if (typeof subject !== 'string') {
            if (!tooLarge(subject)) return URL.createObjectURL(subject);
            throw new TranslatedError('filepicker.toolargeerror', { maxSize: `${MOST_BYTES / 1000000} Mo` });
        }
        if (ADDRESS.test(subject) || subject.startsWith('/f/')) return subject;
        const kept = ofDraft.get(subject);
        if (!kept) throw new Error(subject);
        return URL.createObjectURL(kept);
    },
    async getObjectUrl(subject) {
        const address = await this.getFileUrl(subject);
        if (!address || !/^(https?:|\/)/.test(address)) return address;
        return URL.createObjectURL(await (await fetch(address)).blob());
    },
};
