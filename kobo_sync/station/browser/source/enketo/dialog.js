// Enketo's questions to the person: the browser's own boxes, which every reader of screens knows.
const words = (content) => (typeof content === 'string' ? content : [content.heading, content.message].filter(Boolean).join('\n\n'));

export default {
    alert: (content) => Promise.resolve(window.alert(words(content))),
    confirm: (content) => Promise.resolve(window.confirm(words(content))),
    prompt: (content, value) => Promise.resolve(window.prompt(words(content), value)),
};
