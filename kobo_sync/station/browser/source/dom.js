// Elements without a framework.

/** `make('p.note', 'text', child)`: an element with classes, attributes of a plain object, and children. */
export function make(what, ...parts) {
    const [tag, ...classes] = what.split('.');
    const element = document.createElement(tag);
    if (classes.length) element.className = classes.join(' ');
    for (const part of parts.flat()) {
        if (part === null || part === undefined || part === false) continue;
        if (part instanceof Node || typeof part === 'string') element.append(part);
        else for (const [name, value] of Object.entries(part)) set(element, name, value);
    }
    return element;
}

function set(element, name, value) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
}

export function fill(element, ...parts) {
    element.replaceChildren(...parts.flat().filter((part) => part !== null && part !== undefined && part !== false));
    return element;
}
