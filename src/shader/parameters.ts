import { FrameworkError, nearest } from '../util/errors.ts';
import type { Value, Word } from './expression.ts';

/** A caller's value for a parameter: a number (int, f32), a boolean (bool) or one of the parameter's words. */
export type ParamValue = number | boolean | string;

/** A line `#param [shared] NAME: KIND // what it is`. */
export interface Param {
  readonly name: string;
  /** Words that the parameter can be, or one of the other kinds. */
  readonly kind: 'int' | 'bool' | 'f32' | readonly string[];
  readonly isShared: boolean;
  /** `file:line` */
  readonly origin: string;
}

const LINE = /^(shared\s+)?(\w+):\s*([\w |]+?)\s*(?:\/\/.*)?$/;

function invalid(message: string): FrameworkError {
  return new FrameworkError('shader/param', `${message}.`);
}

/** Reads what follows `#param`. */
export function parseParam(text: string, origin: string): Param {
  const [, shared, name = '', kind = ''] = LINE.exec(text) ?? [];
  const words = kind.split('|').map((word) => word.trim());
  const [only] = words;
  if (name === '' || words.some((word) => !/^[A-Za-z_]\w*$/.test(word)))
    throw invalid(
      `${origin}: expected \`#param NAME: KIND // what it is\`, KIND being int, bool, f32 or words a | b`,
    );
  const isPlain = only === 'int' || only === 'bool' || only === 'f32';
  if (words.length === 1 && !isPlain)
    throw invalid(
      `${origin}: ${name} is of kind \`${only}\`; kinds are int, bool, f32, or two words and more`,
    );
  return {
    name,
    kind: words.length === 1 && isPlain ? only : words,
    isShared: shared !== undefined,
    origin,
  };
}

/** Adds a declaration. A name that is declared twice must be `shared` and of one kind in both places. */
export function declare(params: Map<string, Param>, param: Param): void {
  const known = params.get(param.name);
  if (known !== undefined && !(known.isShared && param.isShared))
    throw invalid(
      `${param.name} is declared at ${known.origin} and at ${param.origin}; if both mean the same, write \`#param shared ${param.name}\` in both places`,
    );
  if (known !== undefined && String(known.kind) !== String(param.kind))
    throw invalid(
      `${param.name} is ${showKind(known.kind)} at ${known.origin} and ${showKind(param.kind)} at ${param.origin}`,
    );
  params.set(param.name, param);
}

function showKind(kind: Param['kind']): string {
  return typeof kind === 'string' ? kind : kind.join(' | ');
}

/** The values of all declared parameters. Throws if the caller omits one or gives one that is not declared. */
export function valuesOf(
  file: string,
  params: ReadonlyMap<string, Param>,
  given: Readonly<Record<string, ParamValue>>,
): ReadonlyMap<string, Value> {
  for (const name of Object.keys(given)) {
    if (params.has(name)) continue;
    const near = nearest(name, params.keys());
    throw invalid(
      `shaders/${file} has no #param ${name}${near === undefined ? '' : `; the nearest is ${near}`}`,
    );
  }
  return new Map(
    [...params.values()].map((param) => {
      const value = given[param.name];
      if (value === undefined)
        throw invalid(
          `shaders/${file} declares #param ${param.name} (${param.origin}), but no value was given`,
        );
      return [param.name, valueOf(param, value)];
    }),
  );
}

function valueOf({ name, kind, origin }: Param, value: ParamValue): Value {
  const wrong = (expected: string) =>
    invalid(`#param ${name} (${origin}) is ${JSON.stringify(value)}, expected ${expected}`);
  if (kind === 'bool') {
    if (typeof value !== 'boolean') throw wrong('true or false');
    return Number(value);
  }
  if (kind === 'int') {
    if (!Number.isInteger(value)) throw wrong('a whole number');
    return Number(value);
  }
  if (kind === 'f32') {
    if (typeof value !== 'number' || !Number.isFinite(Math.fround(value)))
      throw wrong('a number that f32 can hold; WGSL has no literal of others');
    return f32Literal(value);
  }
  if (typeof value !== 'string' || !kind.includes(value)) throw wrong(`one of ${kind.join(', ')}`);
  return { word: value, among: kind };
}

/** A number as a WGSL literal: `1e-5` → `0.000009999999747378752f`. */
function f32Literal(value: number): Word {
  return { word: `${Math.fround(value)}f` };
}
