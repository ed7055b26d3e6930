import { FrameworkError } from '../util/errors.ts';

/** Types of storage elements that have a 16-bit counterpart. */
const HALF: Readonly<Record<string, string>> = { f32: 'f16', vec2f: 'vec2h', vec4f: 'vec4h' };

/** A storage array that is to hold 16-bit floats. */
interface Half {
  readonly wide: string;
  readonly narrow: string;
}

/**
 * Stores some bindings of a shader as 16-bit floats: their arrays become arrays of f16, each element read from them is widened, and each
 * value written to them is rounded. Arithmetic stays as it was written, in f32. Kernels need not know: whether a tensor is stored in
 * 16 bits is a matter of the tensor, not of what is computed.
 *
 * A storage array may only be used as `name[index]`, and be written by `name[index] = value;` as a whole element.
 * @param code expanded WGSL; keeps its line numbers
 * @param bindings numbers of bindings of group 0
 * @throws FrameworkError `shader/half` where a binding is not an array of floats, or is used in another way
 */
export function storeAsHalf(code: string, bindings: readonly number[]): string {
  if (bindings.length === 0) return code;
  const aliases = new Map(
    [...code.matchAll(/\balias (\w+) = (\w+);/g)].map((found) => [found[1] ?? '', found[2] ?? '']),
  );
  const arrays = new Map<string, Half>();
  const found = new Set<number>();
  const declared = code.replace(
    /@group\(0\) @binding\((\d+)\) var<storage, (\w+)> (\w+): array<(\w+)>;/g,
    (text, number: string, mode: string, name: string, type: string) => {
      if (!bindings.includes(Number(number))) return text;
      const wide = aliases.get(type) ?? type;
      const narrow = HALF[wide];
      if (narrow === undefined) throw misuse(`binding ${number} is an array of ${wide}`);
      found.add(Number(number));
      arrays.set(name, { wide, narrow });
      return `@group(0) @binding(${number}) var<storage, ${mode}> ${name}: array<${narrow}>;`;
    },
  );
  const missing = bindings.find((binding) => !found.has(binding));
  if (missing !== undefined) throw misuse(`binding ${missing} is not an array`);
  return `enable f16; ${rewrite(declared, arrays)}`;
}

/** A comment, or a name that is not a member of something, with the bracket after it. */
const TOKEN = /\/\/[^\n]*|(?<![\w.])([A-Za-z_]\w*)\[/g;

function rewrite(code: string, arrays: ReadonlyMap<string, Half>): string {
  const token = new RegExp(TOKEN);
  let out = '';
  let from = 0;
  for (let match = token.exec(code); match !== null; match = token.exec(code)) {
    const [text, name = ''] = match;
    const array = arrays.get(name);
    if (array === undefined) continue;
    const open = match.index + text.length;
    const close = closing(code, open);
    const element = `${name}[${rewrite(code.slice(open, close), arrays)}]`;
    const rest = code.slice(close + 1);
    const assignment = /^\s*=(?!=)/.exec(rest)?.[0];
    out += code.slice(from, match.index);
    if (assignment !== undefined) {
      const start = close + 1 + assignment.length;
      const end = code.indexOf(';', start);
      out += `${element} = ${array.narrow}(${rewrite(code.slice(start, end).trim(), arrays)})`;
      from = end;
    } else {
      if (/^\s*((\.\w+|\[[^\]]*\])\s*)?([-+*/]?=(?!=)|\+\+|--)/.test(rest))
        throw misuse(`${name} is written other than by ${name}[index] = value`);
      out += `${array.wide}(${element})`;
      from = close + 1;
    }
    token.lastIndex = from;
  }
  return out + code.slice(from);
}

/** Index of the bracket that closes the one before `from`. */
function closing(code: string, from: number): number {
  let depth = 0;
  for (let i = from; i < code.length; i++) {
    if (code[i] === '[') depth++;
    else if (code[i] === ']' && depth-- === 0) return i;
  }
  throw misuse('a bracket is not closed');
}

function misuse(what: string): FrameworkError {
  return new FrameworkError('shader/half', `A shader cannot store 16-bit floats: ${what}.`);
}
