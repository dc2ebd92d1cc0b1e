// One draft is open in one tab: two that write it would undo each other.

const channel = 'BroadcastChannel' in window ? new BroadcastChannel('kobo-sync-drafts') : null;
const ME = Math.random().toString(36).slice(2);
let mine = null;

if (channel) {
    channel.onmessage = ({ data }) => {
        if (data.asks && data.asks === mine && data.by !== ME) channel.postMessage({ has: mine, by: ME });
    };
}

/** Whether another tab has the draft open; it is asked, and given a moment. */
export function isElsewhere(id) {
    if (!channel) return Promise.resolve(false);
    return new Promise((resolve) => {
        const ears = new BroadcastChannel('kobo-sync-drafts');
        const end = (answer) => {
            ears.close();
            resolve(answer);
        };
        ears.onmessage = ({ data }) => data.has === id && data.by !== ME && end(true);
        channel.postMessage({ asks: id, by: ME });
        setTimeout(() => end(false), 250);
    });
}

export function hold(id) {
    mine = id;
}
