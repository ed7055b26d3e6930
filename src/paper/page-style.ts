/** What the page of the papers has beside that of reports. */
export const PAPER_STYLE = `
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem .9rem; font-size: .875rem; }
a { color: inherit; text-decoration-color: var(--rule); text-underline-offset: .15em; }
sup { font-size: .65em; margin-left: .2em; line-height: 0; }
sup a { color: var(--muted); text-decoration: none; }
section { scroll-margin-top: 1rem; }
section > h3 { margin-top: 1.25rem; }
td { min-width: 6.2rem; }
.published { display: block; color: var(--muted); }
.ours { font-weight: 600; }
.number { white-space: nowrap; }
.delta { color: var(--ink); }
.todo { color: var(--muted); }
.absent { overflow-wrap: break-word; max-width: 50rem; }
details { margin: .5rem 0; }
summary { cursor: pointer; font-size: .875rem; color: var(--muted); }
.todos { list-style: none; padding: 0; margin: .25rem 0; font-size: .875rem; }
.todos li { margin: .5rem 0; }
.todos small { color: var(--muted); }
pre { margin: .2rem 0; padding: .4rem .6rem; border: 1px solid var(--rule); border-radius: 4px; font-size: .78rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.answers { list-style: none; padding: 0; margin: 0; }
.answers > li { border-top: 1px solid var(--rule); padding: .6rem 0; }
.answers h3 { font-size: 1rem; overflow-wrap: break-word; }
.answers h3 small { color: var(--muted); font-weight: 400; white-space: nowrap; }
.lines { list-style: none; padding: 0; margin: 0; font-size: .9rem; }
.lines li { display: grid; grid-template-columns: 5.5rem 1fr; gap: 0 .6rem; margin: .25rem 0; }
.lines .where { color: var(--muted); }
.lines .words { grid-column: 2; overflow-wrap: break-word; min-width: 0; }
.verdict { text-align: center; border: 1px solid var(--ink); border-radius: 4px; padding: 0 .3rem; align-self: start; font-size: .85rem; }
.verdict.yes { background: var(--ink); color: var(--ground); print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.verdict.undecided { border-style: dashed; border-color: var(--muted); color: var(--muted); font-weight: 400; }
.files { padding-left: 2.2rem; font-size: .82rem; }
.files li { margin: .4rem 0; overflow-wrap: anywhere; }
.files small { display: block; color: var(--muted); }
figure img { display: block; width: 100%; height: auto; }
@media print {
  details::details-content { content-visibility: visible; block-size: auto; }
  nav { display: none; }
  section > h2 { break-after: avoid; }
  section > h3, summary { break-after: avoid; }
  .answers > li, .todos li, .files li { break-inside: avoid; }
  .answers > li { padding: .35rem 0; }
  pre { font-size: 6.5pt; }
  td { min-width: 0; }
  th { overflow-wrap: anywhere; }
  .files { font-size: 7pt; }
  .number { white-space: normal; }
  a { text-decoration: none; }
}
`;
