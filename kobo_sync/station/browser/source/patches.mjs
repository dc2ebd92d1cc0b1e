// What is mended in the packages as they are bundled: [file, [[text, text instead], …]], each found exactly once.

const EVALUATOR = 'openrosa-xpath-evaluator/src';

export const PATCHES = [
    [
        `${EVALUATOR}/extended-xpath.js`,
        [
            // A name may begin as an operator does: "order = 1" is no "or". It is one after an operand alone (XPath 1.0, 3.7).
            ["if (cur.v === 'di') {", "if (cur.v === 'di' && isOperand(prevToken())) {"],
            ["if (cur.v === 'o') {", "if (cur.v === 'o' && isOperand(prevToken())) {"],
            ["if (cur.v === 'an') {", "if (cur.v === 'an' && isOperand(prevToken())) {"],
            ["} else if (cur.v === 'mo') {", "} else if (cur.v === 'mo' && isOperand(prevToken())) {"],
            // And a name ends where a space does, unless it is a function's: "a or b" is not "aor b".
            ['if (!FUNCTION_NAME.test(cur.v)) handleXpathExpr();', "if (!FUNCTION_NAME.test(cur.v) || !/^\\s*(\\(|::)/.test(input.slice(i))) handleXpathExpr();"],
            ['const isNum = function (c) {', "const isOperand = (token) => token !== undefined && token !== ',' && token.t !== 'op';\n        const isNum = function (c) {"],
        ],
    ],
    [
        `${EVALUATOR}/openrosa-extensions.js`,
        [
            // As on phones: the whole text must match.
            ['new RegExp(asString(pattern)).test(asString(haystack))', "new RegExp(`^(?:${asString(pattern)})$`, /\\\\p\\{/.test(asString(pattern)) ? 'u' : '').test(asString(haystack))"],
            // As on phones: a seed that is not there yet is 0.
            ['seed = seed && asNumber(seed);', 'seed = seed && Math.trunc(asNumber(seed) || 0);'],
        ],
    ],
];
