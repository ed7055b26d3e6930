import { FrameworkError, messageOf } from '../util/errors.ts';
import { bindLines, matchBinds, parseBind, type Bind, type Bound } from './bindings.ts';
import { evaluate, type Value } from './expression.ts';
import { Names, TYPES, type Locals } from './names.ts';
import { valuesOf, type ParamValue } from './parameters.ts';
import { readShader } from './read.ts';
import { directiveOf, loopWords, sourceOf, type Line, type Read } from './source.ts';

/**
 * The `.wgsl` loader. Shaders are plain WGSL with line directives; all of them begin with `#`, which WGSL does not use:
 *
 *     #param K: int // the kernel's size        declares a parameter that the caller must give. Kinds: int, bool (0 or 1 in
 *                                               expressions), f32 (inserted as a literal), or the words that it can be: a | b | c
 *     #param shared K: int                      the same name in another imported file is the same parameter
 *     #bind read x: array<f32> // (n, c)        declares a storage buffer that the caller gives by this name; `read_write`
 *                                               where the shader writes it; `x?` where the caller may leave it out
 *     #type Item = K % 4 == 0 ? vec4f : f32     names a type
 *     #import common/erf.wgsl                   inserts another file once, from the shaders folder
 *     #if EXPR … #elif EXPR … #else … #endif    keeps lines by a condition on parameters
 *     #for i in A..B … #endfor                  repeats lines for i = A … B−1: register tiles become plain variables
 *     #for o in a, b … #endfor                  repeats lines for each word
 *     ${EXPR}                                   inserts the value of an expression of parameters and loop variables
 *
 * The loader numbers the bindings. An array is used through accessors, functions that the loader adds beside its declaration:
 *
 *     load_x(at)                the element as f32 (vec2f, vec4f), however it is stored
 *     narrow_x(at)              the element as f16 (vec2h, vec4h), for shaders that enable f16
 *     store_x(at, value)        overwrites it
 *     accumulate_x(at, value)   adds to it where the caller accumulates into x, else overwrites it
 *
 * so a kernel computes in f32 and need not know which tensors are stored in 16 bits. In expressions, `bound(x)` is 1 where the
 * caller gives x, and `accumulates(x)` where it accumulates into x; words can be compared: `#if EPILOGUE == residual`. The grammar of
 * expressions is that of `evaluate`.
 *
 * Unknown, missing and unused parameters and bindings are errors. Each expanded line remembers where it came from.
 */
export interface ExpandedShader {
  readonly code: string;
  /** `file:line` of every line of `code`, first line at index 0. */
  readonly origin: readonly string[];
  /** Names of the bindings of group 0, in order of their numbers. */
  readonly bindings: readonly string[];
}

/**
 * Expands a shader for one set of parameters and bindings.
 * @param file path below `shaders/`
 * @param bound what is bound, by name
 * @throws FrameworkError `shader/…` that names file:line of the source
 */
export function expandShader(
  file: string,
  params: Readonly<Record<string, ParamValue>>,
  bound: Readonly<Record<string, Bound>> = {},
  read: Read = readShader,
): ExpandedShader {
  const source = sourceOf(file, read);
  const names = new Names(source, valuesOf(file, source.params, params), bound);
  const expansion = new Expansion(names, bound);
  expansion.block(source.lines, 0, source.lines.length, new Map());
  for (const [name, { origin }] of source.params) {
    if (!names.used.has(name))
      throw new FrameworkError(
        'shader/param',
        `shaders/${file} declares #param ${name} (${origin}) but never uses it.`,
      );
  }
  return expansion.finish(file);
}

/** The lines of a shader that a device sees. WGSL has no strings, so `//` always begins a comment. */
export function withoutComments(code: string): string {
  return code
    .split('\n')
    .map((line) => line.split('//', 1).join('').trim())
    .filter((line) => line !== '')
    .join('\n');
}

class Expansion {
  private readonly out: (Line | Bind)[] = [];
  private readonly aliases = new Map<string, string>();
  private readonly names: Names;
  private readonly bound: Readonly<Record<string, Bound>>;

  constructor(names: Names, bound: Readonly<Record<string, Bound>>) {
    this.names = names;
    this.bound = bound;
  }

  /** Numbers the bindings and puts their declarations and accessors in place. */
  finish(file: string): ExpandedShader {
    const binds = this.out.filter((line) => 'mode' in line);
    const given = matchBinds(file, binds, this.bound);
    const code = this.out.map((line) => ('text' in line ? line.text : '')).join('\n');
    const lines = this.out.flatMap((line): readonly Line[] => {
      if ('text' in line) return [line];
      const number = given.indexOf(line);
      if (number < 0) return [];
      const { name, origin } = line;
      const texts = bindLines(
        line,
        number,
        this.bound[name] ?? {},
        code,
        this.aliases,
        this.names.asked.has(name),
      );
      return texts.map((text) => ({ text, origin }));
    });
    const isHalf = Object.values(this.bound).some(({ half }) => half === true);
    return {
      code: (isHalf ? 'enable f16; ' : '') + lines.map(({ text }) => text).join('\n'),
      origin: lines.map(({ origin }) => origin),
      bindings: given.map(({ name }) => name),
    };
  }

  /** Expands lines[from, to). */
  block(lines: readonly Line[], from: number, to: number, locals: Locals): void {
    for (let i = from; i < to; i++) {
      const line = lines[i] as Line;
      const directive = directiveOf(line.text);
      if (directive === undefined) {
        this.out.push({ text: this.substitute(line.text, line, locals), origin: line.origin });
        continue;
      }
      const { word, rest } = directive;
      if (word === 'if') i = this.conditional(lines, i, to, locals);
      else if (word === 'for') i = this.loop(lines, i, to, rest, locals);
      else if (word === 'bind') this.out.push(parseBind(this.substitute(rest, line, locals), line.origin));
      else if (word === 'type') this.type(rest, line, locals);
      else throw new FrameworkError('shader/directive', `${line.origin}: unexpected #${word}.`);
    }
  }

  private type(rest: string, line: Line, locals: Locals): void {
    const [, name, expression] = /^(\w+)\s*=\s*(.+)$/.exec(rest) ?? [];
    const value = expression === undefined ? 0 : this.value(expression, line, locals);
    if (name === undefined || typeof value === 'number' || !TYPES.has(value.word))
      throw new FrameworkError('shader/directive', `${line.origin}: expected \`#type NAME = TYPE\`.`);
    this.aliases.set(name, value.word);
    this.out.push({ text: `alias ${name} = ${value.word};`, origin: line.origin });
  }

  private conditional(lines: readonly Line[], start: number, limit: number, locals: Locals): number {
    const marks = branches(lines, start, limit, 'if', 'endif', ['elif', 'else']);
    const end = marks[marks.length - 1] as number;
    let isDone = false;
    for (let b = 0; b + 1 < marks.length; b++) {
      const at = marks[b] as number;
      const line = lines[at] as Line;
      const condition = /^\s*#(?:if|elif)\s+(.*)$/.exec(line.text)?.[1];
      // Conditions after the branch taken are evaluated too, so that a mistake in one shows at once.
      const holds = condition === undefined || this.number(condition, line, locals) !== 0;
      if (holds && !isDone) this.block(lines, at + 1, marks[b + 1] as number, locals);
      isDone ||= holds;
    }
    this.noteUses(lines, start, end);
    return end;
  }

  /** A parameter counts as used even if only a branch that is not taken mentions it. */
  private noteUses(lines: readonly Line[], from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const { text } = lines[i] as Line;
      const places = /^\s*#/.test(text)
        ? [text]
        : [...text.matchAll(/\$\{([^}]*)\}/g)].map((m) => m[1] ?? '');
      for (const place of places) this.names.note(place);
    }
  }

  private loop(lines: readonly Line[], start: number, limit: number, header: string, locals: Locals): number {
    const end = branches(lines, start, limit, 'for', 'endfor', []).at(-1) as number;
    const { name, values } = this.range(header, lines[start] as Line, locals);
    for (const value of values) this.block(lines, start + 1, end, new Map([...locals, [name, value]]));
    if (values.length === 0) this.noteUses(lines, start, end);
    return end;
  }

  private range(header: string, line: Line, locals: Locals): { name: string; values: readonly Value[] } {
    const words = loopWords(header);
    if (words !== undefined)
      return { name: words.name, values: words.words.map((word) => ({ word, among: words.words })) };
    const [, name, from, to] = /^(\w+)\s+in\s+(.+?)\.\.(.+)$/.exec(header) ?? [];
    if (name === undefined || from === undefined || to === undefined) {
      throw new FrameworkError(
        'shader/directive',
        `${line.origin}: expected \`#for NAME in A..B\` or \`#for NAME in WORD, WORD\`.`,
      );
    }
    const [first, last] = [this.number(from, line, locals), this.number(to, line, locals)];
    return { name, values: Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i) };
  }

  private substitute(text: string, line: Line, locals: Locals): string {
    if (!text.includes('${')) return text;
    return text.replace(/\$\{([^}]*)\}/g, (_, expression: string) => {
      const value = this.value(expression, line, locals);
      return typeof value === 'number' ? String(value) : value.word;
    });
  }

  private value(expression: string, line: Line, locals: Locals): Value {
    this.names.locals = locals;
    try {
      return evaluate(expression, this.names);
    } catch (error) {
      throw new FrameworkError('shader/expression', `${line.origin}: ${messageOf(error)}`);
    }
  }

  private number(expression: string, line: Line, locals: Locals): number {
    const value = this.value(expression, line, locals);
    if (typeof value === 'number') return value;
    throw new FrameworkError(
      'shader/expression',
      `${line.origin}: \`${expression}\` is a word, not a number.`,
    );
  }
}

/** Line numbers of an opening directive, its separators at the same depth, and its closing directive. */
function branches(
  lines: readonly Line[],
  start: number,
  limit: number,
  open: string,
  close: string,
  separators: readonly string[],
): number[] {
  const marks = [start];
  let depth = 0;
  for (let i = start + 1; i < limit; i++) {
    const word = directiveOf((lines[i] as Line).text)?.word;
    if (word === open) depth++;
    else if (word === close && depth-- === 0) return [...marks, i];
    else if (depth === 0 && word !== undefined && separators.includes(word)) marks.push(i);
  }
  throw new FrameworkError(
    'shader/directive',
    `${(lines[start] as Line).origin}: #${open} has no #${close}.`,
  );
}
