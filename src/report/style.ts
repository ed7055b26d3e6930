/** Colours of every page, by its reader's choice. */
export const PAGE_COLOURS = `
:root { color-scheme: light dark; --ground: #fff; --ink: #1b1f24; --muted: #59636e; --rule: #d1d9e0; --shade: #0003; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #0d1117; --ink: #e6edf3; --muted: #9198a1; --rule: #3d444d; --shade: #fff4; }
}
`;

/** Style of the report page. One column on a phone; tables scroll inside their own box; print has white ground. */
export const PAGE_STYLE = `${PAGE_COLOURS}* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1100px; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: .5rem 0 1rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
h3 { font-size: .95rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
.note, figcaption { color: var(--muted); font-size: .875rem; }
.note { margin: .25rem 0 .75rem; }
.scroll { overflow-x: auto; margin-bottom: .75rem;
  background: linear-gradient(90deg, var(--ground) 40%, transparent) left / 3rem 100% no-repeat local,
    linear-gradient(270deg, var(--ground) 40%, transparent) right / 3rem 100% no-repeat local,
    linear-gradient(90deg, var(--shade), transparent) left / .9rem 100% no-repeat scroll,
    linear-gradient(270deg, var(--shade), transparent) right / .9rem 100% no-repeat scroll; }
.hint { display: none; color: var(--muted); font-size: .8rem; margin: .25rem 0; }
table { border-collapse: separate; border-spacing: 0; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .7rem; border-bottom: 1px solid var(--rule); text-align: right; vertical-align: top; white-space: nowrap; }
td { max-width: 13rem; white-space: normal; }
thead th { vertical-align: bottom; font-weight: 600; white-space: normal; border-bottom: 2px solid var(--rule); }
th.model { min-width: 6.5rem; max-width: 12rem; overflow-wrap: anywhere; }
th:first-child { text-align: left; min-width: 7rem; max-width: 19rem; white-space: normal; }
tbody th { font-weight: 600; position: sticky; left: 0; background: var(--ground); background-clip: padding-box; }
thead th:first-child { position: sticky; left: 0; background: var(--ground); }
td small, th small { display: block; color: var(--muted); font-weight: 400; font-size: .86em; }
td small b { color: var(--ink); }
@media (max-width: 600px) {
  .hint { display: block; }
  th, td { padding: .3rem .45rem; }
  th:first-child { max-width: 8.5rem; }
  th.model { min-width: 7rem; }
}
.interval { white-space: nowrap; }
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
.grid.bars { grid-template-columns: repeat(auto-fill, minmax(min(100%, 310px), 1fr)); }
.bars figcaption { color: var(--muted); font-weight: 400; margin-top: .25rem; overflow-wrap: anywhere; }
.grid svg { display: block; width: 100%; height: auto; }
.examples figure > div { display: flex; gap: 4px; }
.examples figure > div > div { flex: 1; min-width: 0; text-align: center; line-height: 1.2; }
.examples img { display: block; width: 100%; height: auto; border-radius: 3px; }
.pixels img { image-rendering: pixelated; }
.examples small { color: var(--muted); }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; padding: 0; margin: .5rem 0; font-size: .9rem; }
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .4em; border-radius: 2px; background: var(--c); print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.cards { list-style: none; padding: 0; margin: 0; display: grid; gap: .75rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 310px), 1fr)); }
.cards li { border: 1px solid var(--rule); border-radius: 6px; padding: .5rem .75rem; min-width: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem .75rem; margin: 0; font-size: .85rem; }
dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; }
code { font-size: .85em; }
.absent { padding-left: 1.2rem; margin: .25rem 0; color: var(--muted); font-size: .875rem; overflow-wrap: anywhere; }
.examples .clean img { max-width: 160px; margin: 0 auto; }
.problems { padding-left: 1.2rem; font-size: .9rem; overflow-wrap: anywhere; }
@media print {
  :root { color-scheme: light; --ground: #fff; --ink: #000; --muted: #444; --rule: #bbb; --shade: transparent; }
  @page { margin: 14mm; }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  .scroll { overflow: visible; background: none; }
  table { font-size: 8pt; width: 100%; }
  th, td { padding: .25rem .3rem; }
  .hint { display: none; }
  th, td small { white-space: normal; }
  thead th { min-width: 0; }
  tbody th, thead th:first-child { position: static; }
  figure, tr, .note, .cards li { break-inside: avoid; }
  h2, .note, .legend { break-after: avoid; }
  .grid { grid-template-columns: repeat(4, 1fr); }
  .grid.bars, .cards { grid-template-columns: repeat(2, 1fr); }
  .grid.examples { grid-template-columns: repeat(3, 1fr); }
  .figure rect, .figure path, .figure circle { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
