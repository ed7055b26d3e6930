/** Style of the report page. One column on a phone; tables scroll inside their own box; print has white ground. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --ground: #fff; --ink: #1b1f24; --muted: #59636e; --rule: #d1d9e0; --band: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #0d1117; --ink: #e6edf3; --muted: #9198a1; --rule: #3d444d; --band: #151b23; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1100px; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: .5rem 0 1rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
.note, figcaption { color: var(--muted); font-size: .875rem; }
.note { margin: .25rem 0 .75rem; }
.scroll { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 0; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .75rem; border-bottom: 1px solid var(--rule); text-align: right; vertical-align: top; white-space: nowrap; }
thead th { background: var(--band); vertical-align: bottom; font-weight: 600; white-space: normal; min-width: 7.5rem; }
th:first-child { text-align: left; min-width: 6rem; }
tbody th { font-weight: 600; position: sticky; left: 0; background: var(--ground); background-clip: padding-box; }
thead th:first-child { position: sticky; left: 0; }
td small, th small { display: block; color: var(--muted); font-weight: 400; font-size: .86em; }
td small b { color: var(--ink); }
td.words, th.words { text-align: left; white-space: normal; min-width: 5rem; max-width: 16rem; }
@media (max-width: 600px) { tbody th { white-space: normal; max-width: 7.5rem; } }
td.none { color: var(--muted); }
.unit { color: var(--muted); font-weight: 400; }
abbr { text-decoration: none; cursor: help; }
figure { margin: 0; }
figure.wide svg { display: block; width: 100%; max-width: 820px; height: auto; min-width: 540px; max-height: 340px; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(160px, 1fr)); gap: .75rem; }
@media (min-width: 700px) { .grid { grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); } }
.grid.examples { grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); }
.grid figure { border: 1px solid var(--rule); border-radius: 6px; padding: .5rem; }
.grid figcaption { color: var(--ink); font-weight: 600; }
.grid svg { display: block; width: 100%; height: auto; }
.examples figure > div { display: flex; gap: 4px; }
.examples figure > div > div { flex: 1; min-width: 0; text-align: center; line-height: 1.2; }
.examples img { display: block; width: 100%; height: auto; border-radius: 3px; }
.pixels img { image-rendering: pixelated; }
.examples small { color: var(--muted); }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; padding: 0; margin: .5rem 0; font-size: .9rem; }
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .4em; border-radius: 2px; background: var(--c); print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.problems { padding-left: 1.2rem; font-size: .9rem; overflow-wrap: anywhere; }
@media print {
  :root { color-scheme: light; --ground: #fff; --ink: #000; --muted: #444; --rule: #bbb; --band: #f2f2f2; }
  @page { margin: 14mm; }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  .scroll { overflow: visible; }
  table { font-size: 8pt; width: 100%; }
  th, td { padding: .25rem .3rem; }
  th, td.words, td small { white-space: normal; }
  thead th { min-width: 0; }
  td.words, th.words { min-width: 0; overflow-wrap: anywhere; }
  tbody th, thead th:first-child { position: static; }
  figure, tr, .note { break-inside: avoid; }
  h2, .note, .legend { break-after: avoid; }
  .grid { grid-template-columns: repeat(4, 1fr); }
  .grid.examples { grid-template-columns: repeat(3, 1fr); }
  .severity { break-before: page; }
  .figure rect, .figure path, .figure circle { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
