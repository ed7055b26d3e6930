import { FrameworkError, nearest } from '../util/errors.ts';

/** How a tensor that a shader binds is stored, and how the shader writes to it. */
export interface Bound {
  /** Stored in 16 bits: loads widen, stores round. */
  readonly half?: boolean;
  /** `accumulate_x` adds to the stored value; otherwise it overwrites it. */
  readonly accumulate?: boolean;
}

/** A line `#bind read|read_write NAME[?]: TYPE // (shape)`. */
export interface Bind {
  readonly mode: 'read' | 'read_write';
  readonly name: string;
  /** The caller may leave it out. */
  readonly isOptional: boolean;
  readonly type: string;
  /** Its shape, for readers. */
  readonly comment: string;
  /** `file:line` */
  readonly origin: string;
}

const LINE = /^(read|read_write)\s+([\w${}]+)(\?)?:\s*(.*?)\s*(\/\/.*)?$/;

/** Types of elements that have a 16-bit counterpart. */
const HALF: Readonly<Record<string, string>> = { f32: 'f16', vec2f: 'vec2h', vec4f: 'vec4h' };

function invalid(message: string): FrameworkError {
  return new FrameworkError('shader/binding', `${message}.`);
}

/** Reads what follows `#bind`. */
export function parseBind(text: string, origin: string): Bind {
  const [, mode, name = '', optional, type = '', comment = ''] = LINE.exec(text) ?? [];
  if (mode === undefined || type === '')
    throw invalid(
      `${origin}: expected \`#bind read NAME: TYPE // (shape)\` or \`#bind read_write …\`; NAME? may be left out`,
    );
  const isRead = mode === 'read';
  return {
    mode: isRead ? 'read' : 'read_write',
    name,
    isOptional: optional !== undefined,
    type,
    comment,
    origin,
  };
}

/** The bindings that the caller gives, in order. Throws if a required one is missing or one is unknown. */
export function matchBinds(
  file: string,
  binds: readonly Bind[],
  given: Readonly<Record<string, Bound>>,
): readonly Bind[] {
  const names = new Map<string, Bind>();
  for (const bind of binds) {
    const twin = names.get(bind.name);
    if (twin !== undefined)
      throw invalid(`${bind.name} is bound twice, at ${twin.origin} and at ${bind.origin}`);
    names.set(bind.name, bind);
    if (!bind.isOptional && given[bind.name] === undefined)
      throw invalid(
        `shaders/${file} binds \`${bind.name}\` (${bind.origin}), but no tensor was given for it; given are ${list(Object.keys(given))}`,
      );
  }
  for (const name of Object.keys(given)) {
    if (names.has(name)) continue;
    const near = nearest(name, names.keys());
    throw invalid(
      near === undefined
        ? `shaders/${file} binds no \`${name}\` with these parameters; it binds ${list([...names.keys()])}`
        : `shaders/${file} binds no \`${name}\`; the nearest is \`${near}\` (${names.get(near)?.origin})`,
    );
  }
  return binds.filter(({ name }) => given[name] !== undefined);
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}

/** Whether `code` has the word, other than as a member of something. */
function uses(code: string, word: string): boolean {
  return new RegExp(`(?<![\\w.])${word}\\b`).test(code);
}

/**
 * The declaration of a binding, and the accessors of an array that `code` uses.
 * @param code all other lines of the shader
 * @param aliases types that the shader names
 * @param asksAccumulate the shader asks `accumulates(NAME)` by itself
 */
export function bindLines(
  bind: Bind,
  number: number,
  { half = false, accumulate = false }: Bound,
  code: string,
  aliases: ReadonlyMap<string, string>,
  asksAccumulate: boolean,
): readonly string[] {
  const { name, mode, origin, comment } = bind;
  const element = /^array<(\w+)>$/.exec(bind.type)?.[1];
  const declaration = (type: string) =>
    `@group(0) @binding(${number}) var<storage, ${mode}> ${name}: ${type};${comment === '' ? '' : ` ${comment}`}`;
  const unused = () => invalid(`${origin} binds \`${name}\` but never uses it`);
  if (element === undefined) {
    if (half || accumulate) throw invalid(`${origin}: only an array can be stored in 16 bits or added to`);
    if (!uses(code, name)) throw unused();
    return [declaration(bind.type)];
  }
  const narrow = HALF[aliases.get(element) ?? element];
  if (half && narrow === undefined)
    throw invalid(`${origin}: \`${name}\` is ${bind.type}; 16 bits hold floats only`);
  const stored = (value: string) => (half ? `${narrow}(${value})` : value);
  const loaded = half ? `${element}(${name}[at])` : `${name}[at]`;
  const accessors: Record<string, string> = {
    load: `fn load_${name}(at: u32) -> ${element} { return ${loaded}; }`,
  };
  if (narrow !== undefined)
    accessors['narrow'] =
      `fn narrow_${name}(at: u32) -> ${narrow} { return ${half ? '' : narrow}(${name}[at]); }`;
  if (mode === 'read_write') {
    const sum = accumulate ? `${loaded} + value` : 'value';
    accessors['store'] = `fn store_${name}(at: u32, value: ${element}) { ${name}[at] = ${stored('value')}; }`;
    accessors['accumulate'] =
      `fn accumulate_${name}(at: u32, value: ${element}) { ${name}[at] = ${stored(sum)}; }`;
  }
  const used = Object.keys(accessors).filter((verb) => uses(code, `${verb}_${name}`));
  if (used.length === 0) throw unused();
  if (accumulate && !asksAccumulate && !used.includes('accumulate'))
    throw invalid(`shaders cannot add to \`${name}\` (${origin}): nothing calls accumulate_${name}`);
  return [declaration(half ? `array<${narrow}>` : bind.type), ...used.map((verb) => accessors[verb] ?? '')];
}
