/** Text goes into the page as text alone: names of runs and classes are other people's. */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {{ class?: string, title?: string, text?: string }} options
 * @param {(Node | string)[]} children
 */
function make(tag, options = {}, ...children) {
  const element = document.createElement(tag);
  if (options.class) element.className = options.class;
  if (options.title) element.title = options.title;
  if (options.text !== undefined) element.textContent = options.text;
  element.append(...children);
  return element;
}

/** The heading of a row or a column. @param {'row' | 'col'} scope @param {(Node | string)[]} children */
function header(scope, ...children) {
  const cell = make('th', {}, ...children);
  cell.scope = scope;
  return cell;
}

/** A table whose rows begin with their headings. @param {string} kind @param {readonly (Node | string)[]} head @param {readonly (readonly (Node | string)[])[]} rows */
function tableOf(kind, head, rows) {
  const body = rows.map(([name = '', ...cells]) =>
    make(
      'tr',
      {},
      header('row', name),
      ...cells.map((cell) => (cell instanceof HTMLTableCellElement ? cell : make('td', {}, cell))),
    ),
  );
  return make(
    'table',
    { class: kind },
    make('thead', {}, make('tr', {}, ...head.map((name) => header('col', name)))),
    make('tbody', {}, ...body),
  );
}

/** @param {string} selector */
function find(selector) {
  const found = document.querySelector(selector);
  if (!(found instanceof HTMLElement)) throw new Error(`${selector} is missing`);
  return found;
}

/**
 * A name from outside, kept apart from the direction of what stands around it.
 * @param {string} name @param {number} most characters that are shown
 */
function nameOf(name, most = Infinity) {
  const text = visible(name);
  const shown =
    text.length > most ? `${text.slice(0, most / 2)}…${text.slice(text.length - most / 2)}` : text;
  return make('bdi', { text: shown, title: text });
}

/**
 * Control characters and marks of direction show as what they are, something unprintable: they would hide or turn around what follows.
 * @param {string} name
 */
function visible(name) {
  return name.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, '\ufffd');
}

/** @param {number | null | undefined} value */
function number(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)) return scientific(value);
  return value.toLocaleString('en', { maximumSignificantDigits: digits }).replace('-', '−');
}

/** @param {number} value */
function scientific(value) {
  return value
    .toExponential(2)
    .replace(/\.?0+e/, 'e')
    .replaceAll('-', '−');
}

/** @param {number} value */
function integer(value) {
  return value.toLocaleString('en');
}

/** @param {number} share */
function percent(share, digits = 2) {
  return Number.isFinite(share) ? `${(100 * share).toFixed(digits)}\u00a0%` : '–';
}

/** @param {number | null} seconds */
function duration(seconds) {
  if (seconds === null || !Number.isFinite(seconds)) return '–';
  const s = Math.max(0, Math.round(seconds));
  const [d, h, min] = [Math.floor(s / 86400), Math.floor((s % 86400) / 3600), Math.floor((s % 3600) / 60)];
  if (d > 0) return `${d} d ${h} h`;
  if (h > 0) return `${h} h ${String(min).padStart(2, '0')} min`;
  return min > 0 ? `${min} min ${String(s % 60).padStart(2, '0')} s` : `${s} s`;
}

/**
 * Puts new children into an element only where they differ, so that a selection or a focus inside survives.
 * @param {Element} element @param {Node[]} children
 */
function replace(element, children) {
  const probe = document.createElement(element.tagName);
  probe.append(...children);
  if (probe.innerHTML !== element.innerHTML) element.replaceChildren(...probe.childNodes);
}
