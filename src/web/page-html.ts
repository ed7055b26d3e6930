import { PAGE_COLOURS } from '../report/style.ts';
import { escapeXml as text } from '../report/svg.ts';
import { PAGE_SCRIPT } from './note.ts';

/** The page of an exported model. Its script fills what is empty here. @param title the model, for people */
export function pageHtml(title: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'self' file: 'wasm-unsafe-eval'; style-src 'unsafe-inline'; img-src 'self' data: blob:">
<title>${text(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${text(title)}</h1>
<p id="status" role="status">Loading …</p>
<div id="work" hidden>
<section aria-labelledby="picture-title">
<h2 id="picture-title">What the network sees</h2>
<div class="stage"><canvas id="picture" tabindex="0" aria-label="The image as the network sees it; paint on it to cover parts"></canvas></div>
<p class="note" id="change"></p>
<p class="row"><label class="button">Choose an image<input id="file" type="file" accept="image/*"></label>
<button type="button" id="reset">Undo all changes</button></p>
<div id="samples" class="samples"></div>
</section>
<section aria-labelledby="answer-title">
<h2 id="answer-title">What it says</h2>
<div id="answers"></div>
<h2>Change the image</h2>
<fieldset><legend>Corruption <small>as in ImageNet-C, after resizing and cropping</small></legend>
<p class="row"><select id="corruption" aria-label="Corruption"></select>
<label>severity <input id="severity" type="range" min="0" max="5" step="1" value="0"><output for="severity"></output></label></p></fieldset>
<fieldset><legend>Occlusion <small>paint on the image</small></legend>
<p class="row"><label>brush <input id="brush" type="range" min="2" max="40" value="14"><output for="brush"></output></label>
<button type="button" id="uncover">Uncover</button></p></fieldset>
<fieldset><legend>Attack <small>FGSM, one step away from what it says of the clean image</small></legend>
<p class="row"><label>ε <input id="epsilon" type="range" min="0" max="16" step="0.5" value="0"><output for="epsilon"></output></label></p></fieldset>
<fieldset><legend>Effective receptive field <small>of the centre of the last feature map</small></legend>
<p class="row"><button type="button" id="field" aria-pressed="false">Show</button> <span id="field-note" class="note"></span></p></fieldset>
</section>
</div>
<footer class="note" id="about"></footer>
</main>
<script src="${PAGE_SCRIPT}"></script>
<script src="start.js"></script>
</body>
</html>
`;
}

const STYLE = `${PAGE_COLOURS}:root { --bar: #0969da; --other: #bc4c00; }
@media (prefers-color-scheme: dark) { :root { --bar: #4493f8; --other: #f0883e; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1060px; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .5rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 1rem 0 .5rem; }
#status { margin: 0; color: var(--muted); }
#status.error { color: var(--ink); border-left: 4px solid #cf222e; padding: .5rem .75rem; white-space: pre-line; }
#work { display: grid; gap: 0 2rem; grid-template-columns: minmax(0, 5fr) minmax(0, 6fr); }
#work[hidden] { display: none; }
@media (max-width: 700px) { #work { grid-template-columns: minmax(0, 1fr); } }
.stage { aspect-ratio: 1; border: 1px solid var(--rule); border-radius: 6px; overflow: hidden; }
.stage.target { outline: 3px solid var(--bar); }
canvas { display: block; width: 100%; height: 100%; touch-action: none; cursor: crosshair; }
canvas.small { image-rendering: pixelated; }
.note, small { color: var(--muted); font-size: .875rem; font-weight: 400; }
.row { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; margin: .5rem 0; }
.row label { display: flex; align-items: center; gap: .5rem; }
fieldset { border: 0; border-top: 1px solid var(--rule); margin: 0; padding: .25rem 0; min-width: 0; }
legend { font-weight: 600; padding: 0 .5rem 0 0; }
button, .button, select { font: inherit; color: inherit; background: transparent; border: 1px solid var(--rule); border-radius: 6px; padding: .25rem .75rem; cursor: pointer; }
button:hover, .button:hover { border-color: var(--bar); }
button[aria-pressed=true] { border-color: var(--bar); color: var(--bar); }
select { background: var(--ground); max-width: 100%; }
.button input { position: absolute; width: 1px; height: 1px; opacity: 0; }
.button:focus-within, button:focus-visible, select:focus-visible, canvas:focus-visible { outline: 2px solid var(--bar); outline-offset: 2px; }
input[type=range] { width: 9rem; accent-color: var(--bar); }
output { min-width: 3.2em; font-variant-numeric: tabular-nums; }
.samples { display: flex; flex-wrap: wrap; gap: .5rem; }
.samples button { padding: 0; overflow: hidden; width: 64px; height: 64px; }
.samples img { display: block; width: 100%; height: 100%; object-fit: cover; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; table-layout: fixed; }
th { text-align: left; font-weight: 400; padding: .2rem .5rem .2rem 0; width: 40%; overflow-wrap: anywhere; }
thead th:nth-child(2) { width: auto; }
td { padding: .2rem 0; }
th.value, td.value { width: 5em; text-align: right; padding: .2rem 0 .2rem .5rem; white-space: nowrap; }
thead th, thead td { color: var(--muted); font-size: .875rem; }
.bar { height: .55rem; border-radius: 3px; background: var(--bar); min-width: 1px; margin: 2px 0; }
.bar.clean { background: var(--muted); opacity: .55; }
tr.top th { font-weight: 600; }
.lost { color: var(--other); font-weight: 600; }
footer { margin-top: 2rem; border-top: 1px solid var(--rule); padding-top: .5rem; overflow-wrap: anywhere; }
@media print { .row, .samples, fieldset, #work section:last-child h2:nth-of-type(2) { display: none; } }
`;
