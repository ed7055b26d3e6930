import { declare, parseParam, type Param } from './parameters.ts';
import { readShader } from './read.ts';

export interface Line {
  readonly text: string;
  /** `shaders/file:line` */
  readonly origin: string;
}

/** A shader with its imports in place, and all its declarations. */
export interface Source {
  readonly lines: readonly Line[];
  readonly params: ReadonlyMap<string, Param>;
  /** Names that `#bind` declares, with or without a condition. */
  readonly binds: ReadonlySet<string>;
  /** Words that `#for NAME in WORD, WORD` iterates over. */
  readonly words: ReadonlySet<string>;
}

/** The words of `#for NAME in WORD, WORD`; undefined where the loop counts. */
export function loopWords(header: string): { name: string; words: readonly string[] } | undefined {
  const [, name, words] = /^(\w+)\s+in\s+([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)+)\s*$/.exec(header) ?? [];
  return name === undefined || words === undefined ? undefined : { name, words: words.split(/\s*,\s*/) };
}

/** The directive of a line and the text after it. */
export function directiveOf(text: string): { word: string; rest: string } | undefined {
  const [, word, rest = ''] = /^\s*#(\w+)\s*(.*)$/.exec(text) ?? [];
  return word === undefined ? undefined : { word, rest };
}

/** Reads a file below the shaders folder. */
export type Read = (file: string) => string;

const sources = new Map<string, Source>();

/** Reads a shader, puts its imports in place (each file once) and collects its declarations. */
export function sourceOf(file: string, read: Read): Source {
  const known = read === readShader ? sources.get(file) : undefined;
  if (known !== undefined) return known;
  const source = {
    lines: [] as Line[],
    params: new Map<string, Param>(),
    binds: new Set<string>(),
    words: new Set<string>(),
  };
  const seen = new Set<string>();
  const take = (name: string) => {
    seen.add(name);
    for (const [i, text] of read(name).split('\n').entries()) {
      const line = { text, origin: `shaders/${name}:${i + 1}` };
      const { word, rest } = directiveOf(text) ?? { word: '', rest: '' };
      if (word === 'import') {
        if (!seen.has(rest.trim())) take(rest.trim());
        continue;
      }
      if (word === 'param') {
        declare(source.params, parseParam(rest, line.origin));
        continue;
      }
      if (word === 'bind') source.binds.add(/^\w+\s+(\w+)/.exec(rest)?.[1] ?? '');
      if (word === 'for') for (const value of loopWords(rest)?.words ?? []) source.words.add(value);
      source.lines.push(line);
    }
  };
  take(file);
  if (read === readShader) sources.set(file, source);
  return source;
}
