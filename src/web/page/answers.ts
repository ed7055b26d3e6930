import { element } from './dom.ts';

/** Classes that are shown. */
const SHOWN = 5;

/** The likeliest classes of the image as it is now, and what they had before it was changed. @param changed probabilities, if it was */
export function showAnswers(
  classes: readonly string[],
  clean: Float64Array,
  changed: Float64Array | undefined,
): void {
  const now = changed ?? clean;
  const order = [...now.keys()].sort((a, b) => at(now, b) - at(now, a)).slice(0, SHOWN);
  const first = [...clean.keys()].reduce((best, k) => (at(clean, k) > at(clean, best) ? k : best), 0);
  // What the clean image was taken for stays in sight.
  const shown = order.includes(first) ? order : [...order, first];
  const table = document.createElement('table');
  const head = table.createTHead().insertRow();
  const titles = changed === undefined ? ['class', '', 'p'] : ['class', 'now, and before', 'p now', 'before'];
  for (const title of titles) head.append(cell('th', title));
  const body = table.createTBody();
  for (const k of shown) {
    const row = body.insertRow();
    if (k === first) row.className = 'top';
    const name = cell('th', classes[k] ?? `class ${k}`);
    if (k === first && order[0] !== first) name.classList.add('lost');
    row.append(name);
    const bars = row.insertCell();
    bars.append(bar(at(now, k), ''));
    if (changed !== undefined) bars.append(bar(at(clean, k), 'clean'));
    row.append(value(at(now, k)));
    if (changed !== undefined) row.append(value(at(clean, k)));
  }
  element('answers', HTMLElement).replaceChildren(table);
}

const at = (values: Float64Array, k: number) => values[k] as number;

function cell(kind: 'th' | 'td', words: string): HTMLElement {
  const made = document.createElement(kind);
  made.textContent = words;
  return made;
}

function value(p: number): HTMLElement {
  const made = cell('td', `${(100 * p).toFixed(1)} %`);
  made.className = 'value';
  return made;
}

function bar(p: number, kind: string): HTMLElement {
  const made = document.createElement('div');
  made.className = `bar ${kind}`;
  made.style.width = `${100 * p}%`;
  return made;
}
