/**
 * Reads objects member by member. `JSON.parse` silently keeps the last of two equal keys, and builds a large object as a whole.
 * A checkpoint with two tensors of one name is damaged, and its header may name hundreds of thousands.
 */

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [ARRAY, ARRAY_END, OBJECT, OBJECT_END] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * The members of the object that `text` is: a key and the JSON of its value, which is not looked into.
 * @throws Error where the text is no object
 * @example [...members('{"a": [1, 2]}')] // [['a', ' [1, 2]']]
 */
export function* members(text: string): Generator<readonly [key: string, json: string]> {
  let at = expectCode(text, 0, OBJECT);
  let next = skipBlank(text, at);
  while (text.charCodeAt(next) !== OBJECT_END || text.charCodeAt(at - 1) === COMMA) {
    const start = expectCode(text, at, QUOTE) - 1;
    const end = afterString(text, start);
    const value = expectCode(text, end, COLON);
    next = afterValue(text, value);
    yield [stringAt(text, start, end), text.slice(value, next)];
    at = text.charCodeAt(next) === COMMA ? next + 1 : next;
  }
  const rest = skipBlank(text, next + 1);
  if (rest < text.length) throw unexpected(text, rest);
}

/** The first key that occurs twice in one object of `text`, which must be valid JSON. */
export function duplicateKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  let [start, end] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      start = at;
      end = afterString(text, at);
      at = end - 1;
    } else if (code === OBJECT) open.push(new Set());
    else if (code === ARRAY) open.push(undefined);
    else if (code === OBJECT_END || code === ARRAY_END) open.pop();
    else if (code === COLON) {
      const keys = open.at(-1);
      const key = stringAt(text, start, end);
      if (keys?.has(key) === true) return key;
      keys?.add(key);
    }
  }
  return undefined;
}

/** What the quoted text from `start` to `end` says; most of it is as it stands. */
function stringAt(text: string, start: number, end: number): string {
  const quoted = text.slice(start, end);
  return /^[ -\[\]-~]*$/.test(quoted) ? quoted.slice(1, -1) : (JSON.parse(quoted) as string);
}

/** Behind the quote that ends the string which begins `at`. */
function afterString(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i + 1;
    if (code === BACKSLASH) i++;
  }
  throw unexpected(text, text.length);
}

/** The comma or the bracket that ends the value which begins `at`. */
function afterValue(text: string, at: number): number {
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = afterString(text, i) - 1;
    else if (code === OBJECT || code === ARRAY) depth++;
    else if (depth > 0) depth -= Number(code === OBJECT_END || code === ARRAY_END);
    else if (code === COMMA || code === OBJECT_END) return i;
  }
  throw unexpected(text, text.length);
}

/** Behind the character that must come next. */
function expectCode(text: string, from: number, code: number): number {
  const at = skipBlank(text, from);
  if (text.charCodeAt(at) !== code) throw unexpected(text, at);
  return at + 1;
}

function skipBlank(text: string, from: number): number {
  let at = from;
  while (isBlank(text.charCodeAt(at))) at++;
  return at;
}

/** Space, tab, line feed or carriage return. */
function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
}

function unexpected(text: string, at: number): Error {
  const found = at < text.length ? JSON.stringify(text.charAt(at)) : 'the end';
  return new Error(`Unexpected ${found} at position ${at}`);
}
