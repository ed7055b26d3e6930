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
  const titles = changed === undefined ? ['class', '', 'now'] : ['class', '', 'now', 'before'];
  for (const [i, title] of titles.entries()) head.append(cell('th', title, i > 1 ? 'value' : ''));
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

function cell(kind: 'th' | 'td', words: string, style = ''): HTMLElement {
  const made = document.createElement(kind);
  made.textContent = words;
  made.className = style;
  return made;
}

function value(p: number): HTMLElement {
  return cell('td', `${(100 * p).toFixed(1)} %`, 'value');
}

function bar(p: number, kind: string): HTMLElement {
  const made = document.createElement('div');
  made.className = `bar ${kind}`;
  made.style.width = `${100 * p}%`;
  return made;
}
