// Builds what the browser is given: node build.mjs <target folder>. Same packages, same bytes.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import * as esbuild from 'esbuild';
import * as sass from 'sass';

import { PATCHES } from './patches.mjs';

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const target = path.resolve(process.argv[2]);
const modules = path.join(here, 'node_modules');
const core = path.join(modules, 'enketo-core');

const mended = {
    name: 'mended',
    setup(build) {
        for (const [file, replacements] of PATCHES) {
            const whole = path.join(modules, file);
            build.onLoad({ filter: new RegExp(`${path.basename(file).replace('.', '\\.')}$`) }, ({ path: loaded }) => {
                if (loaded !== whole) return undefined;
                let contents = fs.readFileSync(whole, 'utf8');
                for (const [text, instead] of replacements) {
                    if (contents.split(text).length !== 2) throw new Error(`${file} has not once: ${text}`);
                    contents = contents.replace(text, () => instead);
                }
                return { contents, loader: 'js' };
            });
        }
    },
};

async function scripts() {
    const built = await esbuild.build({
        entryPoints: ['form.js', 'pages.js', 'worker.js'].map((name) => path.join(here, name)),
        outdir: target,
        absWorkingDir: here,
        bundle: true,
        minify: true,
        keepNames: true, // Enketo asks for widgets by the names of their classes
        legalComments: 'none', // licences.txt has the whole texts
        charset: 'utf8',
        format: 'iife',
        metafile: true,
        target: ['chrome80', 'firefox78', 'safari14.1'], // the phones of the field are not new
        define: { global: 'window' },
        plugins: [mended],
        loader: { '.png': 'dataurl', '.svg': 'dataurl' },
        alias: {
            'enketo/config': path.join(here, 'enketo/config.js'),
            'enketo/widgets': path.join(here, 'enketo/widgets.js'),
            'enketo/translator': path.join(here, 'enketo/translator.js'),
            'enketo/dialog': path.join(here, 'enketo/dialog.js'),
            'enketo/file-manager': path.join(here, 'enketo/files.js'),
            'enketo/xpath-evaluator-binding': path.join(core, 'src/js/xpath-evaluator-binding.js'),
        },
    });
    return Object.keys(built.metafile.inputs);
}

function styles() {
    // One file of enketo-core names another by its place in its authors' own repository.
    const misplaced = {
        findFileUrl: (url) =>
            url.startsWith('/packages/enketo-core/node_modules/')
                ? pathToFileURL(path.join(modules, url.slice('/packages/enketo-core/node_modules/'.length)))
                : null,
    };
    for (const theme of ['formhub', 'grid']) {
        const options = { style: 'compressed', importers: [misplaced], quietDeps: true, logger: sass.Logger.silent };
        const { css } = sass.compile(path.join(core, `src/sass/${theme}/${theme}.scss`), options);
        fs.writeFileSync(path.join(target, `enketo-${theme}.css`), css);
    }
    for (const name of ['shell.css', 'icon.svg']) fs.copyFileSync(path.join(here, name), path.join(target, name));
}

async function stylesheets() {
    const folder = path.join(modules, 'enketo-transformer/dist/enketo-transformer/xsl');
    for (const name of ['openrosa2html5form', 'openrosa2xmlmodel']) {
        const { default: text } = await import(pathToFileURL(path.join(folder, `${name}.xsl.js`)));
        fs.writeFileSync(path.join(target, `${name}.xsl`), text);
    }
}

function licences(inputs) {
    const packages = new Set(['enketo-transformer', 'bootstrap-datepicker']);
    for (const input of inputs) {
        const inside = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
        if (inside) packages.add(inside[1]);
    }
    const parts = [...packages].sort().map((name) => {
        const folder = path.join(modules, name);
        const { version, license, licenses, author } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json')));
        const file = fs.readdirSync(folder).find((each) => /^(licen[cs]e|copying)/i.test(each));
        const named = license ?? (licenses ?? []).map((each) => each.type).join(' OR ');
        const by = typeof author === 'object' ? author.name : (author ?? '');
        const text = file ? fs.readFileSync(path.join(folder, file), 'utf8') : `${by}\n(${named}; no text in the package)`;
        const changed = PATCHES.some(([patched]) => patched.startsWith(`${name}/`)) ? ', changed by kobo-sync: see source/patches.mjs' : '';
        return `${name} ${version} (${named})${changed}\n${'='.repeat(72)}\n${text.replace(/\r\n/g, '\n').trim()}\n`;
    });
    fs.writeFileSync(path.join(target, 'licences.txt'), parts.join('\n\n'));
}

fs.mkdirSync(target, { recursive: true });
styles();
await stylesheets();
licences(await scripts());
