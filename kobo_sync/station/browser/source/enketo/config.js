// Enketo's settings here: nothing is fetched from elsewhere, and what is not asked counts as blank, as on phones.
const BLANK = 'data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7';

export default {
    experimentalOptimizations: { computeAsync: false },
    excludeNonRelevant: true,
    maps: [{ name: 'blank', tiles: [BLANK], attribution: '' }],
    googleApiKey: '',
    repeatOrdinals: false,
    validateContinuously: false,
    validatePage: true,
    swipePage: false, // a finger that draws or scrolls sideways turns no page
    textMaxChars: 100000,
};
