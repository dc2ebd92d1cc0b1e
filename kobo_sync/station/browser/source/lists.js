// The lists beside a form (CSV, XML, GeoJSON, the last form that was filled) as the XML that its expressions read.

const LAST_SAVED = 'instance/last-saved';
const NAME = /^[\p{L}_][\p{L}\p{N}._-]*$/u;

/** The instances of *model* that lie outside of it: `{id, src}`. */
export function outside(model) {
    const document = new DOMParser().parseFromString(model, 'text/xml');
    return [...document.querySelectorAll('instance[src]')].map((node) => ({
        id: node.getAttribute('id'),
        src: node.getAttribute('src'),
    }));
}

export const isLastSaved = ({ src }) => src.includes(LAST_SAVED);

/** A list as an XML document. Raises: Error when it is none. */
export function asXml(address, text) {
    const name = decodeURIComponent(address.split('?')[0].split('/').pop()).toLowerCase();
    if (name.endsWith('.geojson')) return rowsAsXml(placesOf(JSON.parse(text)));
    if (name.endsWith('.csv')) return rowsAsXml(recordsOf(text));
    const document = new DOMParser().parseFromString(text, 'text/xml');
    if (document.querySelector('parsererror')) throw new Error(name);
    return document;
}

function rowsAsXml(rows) {
    const document = window.document.implementation.createDocument(null, 'root');
    for (const row of rows) {
        const item = document.createElement('item');
        for (const [key, value] of row) {
            const cell = document.createElement(key);
            cell.textContent = value;
            item.append(cell);
        }
        document.documentElement.append(item);
    }
    return document;
}

/** A name that an expression can ask for; of others what remains of them. */
function asName(key) {
    const trimmed = key.trim();
    if (NAME.test(trimmed)) return trimmed;
    const mended = trimmed.replace(/[^\p{L}\p{N}._-]+/gu, '_');
    return /^[\p{L}_]/u.test(mended) ? mended : `_${mended}`;
}

function recordsOf(text) {
    const [head = [], ...lines] = cells(text.replace(/^\ufeff/, ''));
    const names = head.map(asName);
    return lines.filter((line) => line.some((cell) => cell !== '')).map((line) => names.map((name, n) => [name, line[n] ?? '']));
}

/** RFC 4180, with commas or, where the first line has more of them, semicolons. */
function cells(text) {
    const first = text.split('\n', 1)[0];
    const comma = first.split(';').length > first.split(',').length ? ';' : ',';
    const lines = [];
    let [line, cell, quoted] = [[], '', false];
    const endCell = () => {
        line.push(cell);
        cell = '';
    };
    const endLine = () => {
        endCell();
        lines.push(line);
        line = [];
    };
    for (let at = 0; at < text.length; at += 1) {
        const sign = text[at];
        if (quoted) {
            if (sign !== '"') cell += sign;
            else if (text[at + 1] === '"') {
                cell += sign;
                at += 1;
            } else quoted = false;
        } else if (sign === '"' && cell === '') quoted = true;
        else if (sign === comma) endCell();
        else if (sign === '\n') endLine();
        else if (sign !== '\r' || text[at + 1] !== '\n') cell += sign;
    }
    if (cell !== '' || line.length) endLine();
    return lines;
}

const POINT = ([longitude, latitude, altitude]) => `${latitude} ${longitude} ${altitude ?? 0} 0`;

function placesOf(collection) {
    return (collection.features ?? []).map((feature) => {
        const { type, coordinates } = feature.geometry ?? {};
        const points = { Point: [coordinates], LineString: coordinates, Polygon: coordinates?.[0] }[type] ?? [];
        const known = { ...feature.properties };
        if (feature.id !== undefined) known.id = feature.id;
        return [['geometry', points.map(POINT).join('; ')], ...Object.entries(known).map(([key, value]) => [asName(key), String(value ?? '')])];
    });
}

// ── the last form that was filled ───────────────────────────────────────────

/** What the form recalls of the last one: the answers that its expressions ask for, and no other. */
export function recalled(paper, xml) {
    const asked = `${paper.form}${paper.model}`.matchAll(/instance\(\s*['"]__last-saved['"]\s*\)((?:\/[\w:.-]+)+)/g);
    const paths = new Set([...asked].map((each) => each[1]));
    const answers = [];
    const walk = (node, path) => {
        const here = `${path}/${node.localName}`;
        if (node.children.length) [...node.children].forEach((child) => walk(child, here));
        else if (paths.has(here) && node.textContent) answers.push([here, node.textContent]);
    };
    if (paths.size) walk(new DOMParser().parseFromString(xml, 'text/xml').documentElement, '');
    return answers;
}

/** *answers* of `recalled` as the instance that the form reads; *root* is the name of the form's own root. */
export function lastSaved(answers, root) {
    const document = window.document.implementation.createDocument(null, root);
    for (const [path, text] of answers ?? []) {
        let node = document.documentElement;
        path.split('/').slice(2).forEach((name) => {
            node = [...node.children].find((child) => child.localName === name) ?? node.appendChild(document.createElement(name));
        });
        node.textContent = text;
    }
    return document;
}
