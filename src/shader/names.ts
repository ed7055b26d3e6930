import { FrameworkError, nearest } from '../util/errors.ts';
import type { Bound } from './bindings.ts';
import type { Question, Scope, Value } from './expression.ts';
import type { Source } from './source.ts';

/** Values of loop variables. */
export type Locals = ReadonlyMap<string, Value>;

/** Words that `#type` can choose between. */
export const TYPES: ReadonlySet<string> = new Set(
  ['f16', 'f32', 'i32', 'u32'].concat(
    ['vec2', 'vec3', 'vec4'].flatMap((vec) => ['h', 'f', 'i', 'u'].map((type) => vec + type)),
  ),
);

/** Resolves the names in the expressions of one shader, and records which of them it used. */
export class Names implements Scope {
  /** Variables of the loops around the current expression. */
  locals: Locals = new Map();
  /** Parameters that were used. */
  readonly used = new Set<string>();
  /** Bindings that appeared in `accumulates(…)`. */
  readonly asked = new Set<string>();
  private readonly source: Source;
  private readonly values: ReadonlyMap<string, Value>;
  private readonly bound: Readonly<Record<string, Bound>>;

  constructor(source: Source, values: ReadonlyMap<string, Value>, bound: Readonly<Record<string, Bound>>) {
    this.source = source;
    this.values = values;
    this.bound = bound;
  }

  value(name: string): Value {
    const local = this.locals.get(name);
    if (local !== undefined) return local;
    const value = this.values.get(name);
    if (value !== undefined) {
      this.used.add(name);
      return value;
    }
    const { params, words } = this.source;
    const isWord = [...params.values()].some(({ kind }) => typeof kind !== 'string' && kind.includes(name));
    if (isWord || words.has(name) || TYPES.has(name)) return { word: name };
    const near = nearest(name, [...params.keys(), ...this.locals.keys()]);
    throw new FrameworkError(
      'shader/param',
      `\`${name}\` is not a declared parameter, nor a word of one${near === undefined ? '' : `; the nearest is ${near}`}.`,
    );
  }

  ask(question: Question, name: string): boolean {
    const { binds } = this.source;
    if (!binds.has(name)) {
      const near = nearest(name, binds);
      throw new FrameworkError(
        'shader/binding',
        `no #bind declares \`${name}\`${near === undefined ? '' : `; the nearest is ${near}`}.`,
      );
    }
    if (question === 'bound') return this.bound[name] !== undefined;
    this.asked.add(name);
    return this.bound[name]?.accumulate === true;
  }

  /** Counts the parameters among the words of `text` as used. */
  note(text: string): void {
    for (const word of text.match(/[A-Za-z_]\w*/g) ?? []) if (this.values.has(word)) this.used.add(word);
  }
}
