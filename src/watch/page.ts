import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PAGE_STYLE } from '../report/style.ts';
import { escapeXml as text, FIGURE_STYLE } from '../report/svg.ts';
import { PRINTED, watchFigures } from './figures.ts';
import type { Snapshot } from './wire.ts';

const ASSETS = new URL('../../web/watch/', import.meta.url);
/** Scripts of one scope, in this order. */
const SCRIPTS = ['dom.js', 'curves.js', 'charts.js', 'overview.js', 'details.js', 'main.js'];

export interface PageInput {
  readonly title: string;
  readonly snapshot: Snapshot;
  /** Served, and told of what happens; otherwise a file that stands alone. */
  readonly isLive: boolean;
  /** HTML of further sections. */
  readonly more?: string;
}

/** The page as one file that needs nothing else, and the policy by which nothing else can run in it. */
export function watchPage({ title, snapshot, isLive, more = '' }: PageInput): {
  readonly html: string;
  readonly policy: string;
} {
  const { style, script } = assets();
  const sources = [
    "default-src 'none'",
    'img-src data:',
    `style-src '${hashOf(style)}'`,
    `script-src '${hashOf(script)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ];
  // A file's own policy cannot say who may frame it.
  const policy = [...sources, "connect-src 'self'", "frame-ancestors 'none'"].join('; ');
  const meta = isLive
    ? ''
    : `<meta http-equiv="Content-Security-Policy" content="${text(sources.join('; '))}">`;
  const html = [
    '<!doctype html>',
    `<html lang="en"><head><meta charset="utf-8">${meta}`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>${text(title)}</title><style>${style}</style></head><body><main id="watch" data-live="${isLive}">`,
    `<header><h1>${text(title)}</h1><p id="status" class="note" role="status">${savedWords(snapshot)}</p></header>`,
    skeleton(snapshot),
    more,
    `</main><script type="application/json" id="snapshot">${scriptJson(snapshot)}</script>`,
    `<script>${script}</script></body></html>`,
    '',
  ].join('\n');
  return { html, policy };
}

/** JSON inside a script element: nothing in it ends the element or a line of JavaScript. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function savedWords({ at, version }: Snapshot): string {
  return `As of ${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC, largekernel ${text(version)}.`;
}

/** What the script fills; where none runs, and on paper, the figures say it. */
function skeleton({ runs }: Snapshot): string {
  const figures = watchFigures(runs).map(
    ({ id, title, svg }) =>
      `<figure id="figure-${id}" class="curve"><h3>${text(title)}</h3><div class="chart"></div><p class="readout"></p><div class="print">${svg}</div></figure>`,
  );
  const left =
    runs.length > PRINTED
      ? `<p class="note printed">Printed figures show the first ${PRINTED} of ${runs.length} runs.</p>`
      : '';
  return `
<div id="notes" hidden><h2>To be noted</h2><ul class="problems"></ul></div>
<section id="overview" aria-label="Overview"><dl class="tiles"></dl></section>
<section id="runs" hidden><h2>Runs</h2>
<div class="controls"><label>Show runs named <input id="filter" type="search" autocomplete="off" spellcheck="false"></label><button id="all" type="button">Show all</button><button id="none" type="button">Show none</button><span id="shown" class="note" role="status"></span></div>
<div class="scroll tall" tabindex="0" role="region" aria-label="Table of runs"><table><thead><tr></tr></thead><tbody></tbody></table></div></section>
<section><h2>Curves</h2>
<div class="controls"><label>Smoothing <input id="smoothing" type="range" min="0" max="0.99" step="0.01" value="0.8"> <output for="smoothing">0.80</output></label><label><input id="log" type="checkbox"> Logarithmic loss and gradient</label><button id="whole" type="button">Whole run</button></div>
<p class="note hint-curves">Over optimiser steps. Drag across a curve to look closer; double-click, or “Whole run”, goes back. With a curve in focus, the arrow keys read it step by step.</p>
${left}<div class="curves">${figures.join('')}</div></section>
<section id="details"><h2>In detail</h2>
<div class="controls"><label id="choice">Run <select id="run"></select></label><label id="set-choice" hidden>Weights <select id="set"><option value="raw">raw</option><option value="ema">averaged (EMA)</option></select></label></div>
<div id="detail"></div></section>
<noscript><p class="note">Scripts are off: the curves are shown as pictures, and the details are left out.</p></noscript>`;
}

let cached: { readonly style: string; readonly script: string } | undefined;

function assets(): { readonly style: string; readonly script: string } {
  const own = (file: string) => readFileSync(new URL(file, ASSETS), 'utf8');
  const theirs = (file: string) => {
    const uplot = createRequire(import.meta.url).resolve('uplot/package.json');
    return readFileSync(join(dirname(uplot), 'dist', file), 'utf8').trim();
  };
  cached ??= {
    style: `${theirs('uPlot.min.css')}\n${PAGE_STYLE}${FIGURE_STYLE}${own('watch.css')}`,
    script: `${theirs('uPlot.iife.min.js')}\n(() => {\n'use strict';\n${SCRIPTS.map(own).join('\n')}\n})();\n`,
  };
  return cached;
}

function hashOf(content: string): string {
  return `sha256-${createHash('sha256').update(content).digest('base64')}`;
}
