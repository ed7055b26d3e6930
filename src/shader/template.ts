import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FrameworkError, messageOf, nearest } from '../util/errors.ts';
import { evaluate, type ParamValue } from './expression.ts';

/**
 * The `.wgsl` loader. Shaders are plain WGSL with line directives; all of them begin with `#`, which WGSL does not use:
 *
 *     #param K the kernel's size                declares a parameter (a whole number or a word) that the caller must give
 *     #import common/erf.wgsl                   inserts another file once, from the shaders folder
 *     #if EXPR … #elif EXPR … #else … #endif    keeps lines by a condition on parameters
 *     #for i in A..B … #endfor                  repeats lines for i = A … B−1: register tiles become plain variables
 *     ${EXPR}                                   inserts the value of an expression of parameters and loop variables
 *
 * Unknown, missing and unused parameters are errors. Each expanded line remembers where it came from.
 */

const SHADERS = fileURLToPath(new URL('../../shaders/', import.meta.url));

export interface ExpandedShader {
  readonly code: string;
  /** `file:line` of every line of `code`, first line at index 0. */
  readonly origin: readonly string[];
}

interface Line {
  readonly text: string;
  readonly origin: string;
}

const sources = new Map<string, readonly Line[]>();

function readLines(file: string): readonly Line[] {
  const known = sources.get(file);
  if (known !== undefined) return known;
  let text: string;
  try {
    text = readFileSync(join(SHADERS, file), 'utf8');
  } catch (error) {
    throw new FrameworkError(
      'shader/missing',
      `The shader shaders/${file} cannot be read: ${messageOf(error)}.`,
    );
  }
  const lines = text.split('\n').map((line, i) => ({ text: line, origin: `shaders/${file}:${i + 1}` }));
  sources.set(file, lines);
  return lines;
}

/** Expands a shader for one set of parameters. @param file path below `shaders/` */
export function expandShader(file: string, params: Readonly<Record<string, ParamValue>>): ExpandedShader {
  const declared = new Set<string>();
  const lines = inline(file, declared, new Set());
  for (const name of Object.keys(params)) {
    if (!declared.has(name)) throw undeclared(file, name, declared);
  }
  for (const name of declared) {
    if (!(name in params))
      throw new FrameworkError(
        'shader/param',
        `shaders/${file} declares #param ${name}, but no value was given.`,
      );
  }
  const expansion = new Expansion(params);
  expansion.block(lines, 0, lines.length, new Map());
  for (const name of declared) {
    if (!expansion.used.has(name))
      throw new FrameworkError('shader/param', `shaders/${file} declares #param ${name} but never uses it.`);
  }
  return {
    code: expansion.out.map((line) => line.text).join('\n'),
    origin: expansion.out.map((line) => line.origin),
  };
}

function undeclared(file: string, name: string, declared: ReadonlySet<string>): FrameworkError {
  const near = nearest(name, declared);
  return new FrameworkError(
    'shader/param',
    `shaders/${file} has no #param ${name}${near === undefined ? '' : `; the nearest is ${near}`}.`,
  );
}

/** Replaces #import lines by the files they name (each once) and collects #param declarations. */
function inline(file: string, declared: Set<string>, seen: Set<string>): Line[] {
  seen.add(file);
  const out: Line[] = [];
  for (const line of readLines(file)) {
    const imported = /^\s*#import\s+(\S+)\s*$/.exec(line.text)?.[1];
    const param = /^\s*#param\s+(\w+)/.exec(line.text)?.[1];
    if (imported !== undefined) {
      if (!seen.has(imported)) out.push(...inline(imported, declared, seen));
    } else if (param !== undefined) declared.add(param);
    else out.push(line);
  }
  return out;
}

class Expansion {
  readonly out: Line[] = [];
  readonly used = new Set<string>();
  private readonly params: Readonly<Record<string, ParamValue>>;

  constructor(params: Readonly<Record<string, ParamValue>>) {
    this.params = params;
  }

  /** Expands lines[from, to). */
  block(lines: readonly Line[], from: number, to: number, locals: ReadonlyMap<string, number>): void {
    for (let i = from; i < to; i++) {
      const line = lines[i] as Line;
      const directive = /^\s*#(\w+)\s*(.*)$/.exec(line.text);
      if (directive === null) {
        this.out.push({ text: this.substitute(line, locals), origin: line.origin });
        continue;
      }
      const [, word = '', rest = ''] = directive;
      if (word === 'if') i = this.conditional(lines, i, to, locals);
      else if (word === 'for') i = this.loop(lines, i, to, rest, locals);
      else throw new FrameworkError('shader/directive', `${line.origin}: unexpected #${word}.`);
    }
  }

  private conditional(
    lines: readonly Line[],
    start: number,
    limit: number,
    locals: ReadonlyMap<string, number>,
  ): number {
    const marks = branches(lines, start, limit, 'if', 'endif', ['elif', 'else']);
    for (let b = 0; b + 1 < marks.length; b++) {
      const at = marks[b] as number;
      const line = lines[at] as Line;
      const condition = /^\s*#(?:if|elif)\s+(.*)$/.exec(line.text)?.[1];
      if (condition === undefined || this.number(condition, line, locals) !== 0) {
        this.block(lines, at + 1, marks[b + 1] as number, locals);
        break;
      }
    }
    // Conditions of branches not taken still count as uses of their parameters.
    for (const at of marks) {
      const line = lines[at] as Line;
      const condition = /^\s*#(?:if|elif)\s+(.*)$/.exec(line.text)?.[1];
      if (condition !== undefined) this.number(condition, line, locals);
    }
    this.noteUses(lines, start, marks[marks.length - 1] as number);
    return marks[marks.length - 1] as number;
  }

  /** A parameter that only a branch not taken mentions is used all the same. */
  private noteUses(lines: readonly Line[], from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const { text } = lines[i] as Line;
      const places = /^\s*#/.test(text)
        ? [text]
        : [...text.matchAll(/\$\{([^}]*)\}/g)].map((m) => m[1] ?? '');
      for (const place of places) {
        for (const word of place.match(/[A-Za-z_]\w*/g) ?? []) if (word in this.params) this.used.add(word);
      }
    }
  }

  private loop(
    lines: readonly Line[],
    start: number,
    limit: number,
    header: string,
    locals: ReadonlyMap<string, number>,
  ): number {
    const line = lines[start] as Line;
    const [, name, from, to] = /^(\w+)\s+in\s+(.+?)\.\.(.+)$/.exec(header) ?? [];
    if (name === undefined || from === undefined || to === undefined) {
      throw new FrameworkError('shader/directive', `${line.origin}: expected \`#for NAME in A..B\`.`);
    }
    const end = branches(lines, start, limit, 'for', 'endfor', []).at(-1) as number;
    const first = this.number(from, line, locals);
    const last = this.number(to, line, locals);
    for (let value = first; value < last; value++)
      this.block(lines, start + 1, end, new Map([...locals, [name, value]]));
    if (last <= first) this.noteUses(lines, start, end);
    return end;
  }

  private substitute(line: Line, locals: ReadonlyMap<string, number>): string {
    return line.text.replace(/\$\{([^}]*)\}/g, (_, expression: string) =>
      String(this.value(expression, line, locals)),
    );
  }

  private value(expression: string, line: Line, locals: ReadonlyMap<string, number>): ParamValue {
    try {
      return evaluate(expression, (name) => {
        const local = locals.get(name);
        if (local !== undefined) return local;
        const value = this.params[name];
        if (value === undefined)
          throw new FrameworkError('shader/param', `\`${name}\` is not a declared parameter.`);
        this.used.add(name);
        return value;
      });
    } catch (error) {
      throw new FrameworkError('shader/expression', `${line.origin}: ${messageOf(error)}`);
    }
  }

  private number(expression: string, line: Line, locals: ReadonlyMap<string, number>): number {
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
    const word = /^\s*#(\w+)/.exec((lines[i] as Line).text)?.[1];
    if (word === open) depth++;
    else if (word === close && depth-- === 0) return [...marks, i];
    else if (depth === 0 && word !== undefined && separators.includes(word)) marks.push(i);
  }
  throw new FrameworkError(
    'shader/directive',
    `${(lines[start] as Line).origin}: #${open} has no #${close}.`,
  );
}
