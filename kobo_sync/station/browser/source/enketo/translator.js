// Enketo's own words, in the language of the page.
import { say } from '../texts';

export function t(key, options = {}) {
    return say(`enketo.${key}`, options);
}
