/** YAML as a tree in which every value knows its line. */
import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Node } from 'yaml';
import { FrameworkError } from '../util/errors.ts';

export type Tree = MapTree | ListTree | ScalarTree;

export interface MapTree {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, Tree>;
  /** `file:line`, or `command line` */
  readonly source: string;
}
export interface ListTree {
  readonly kind: 'list';
  readonly items: readonly Tree[];
  readonly source: string;
}
export interface ScalarTree {
  readonly kind: 'scalar';
  readonly value: unknown;
  readonly source: string;
  /** The values that it replaced in the layers below, nearest first. */
  readonly over?: readonly ScalarTree[];
}

/** Characters; the longest recipe that a run writes has a tenth of it. */
const LONGEST = 2 ** 16;

/**
 * Parses one YAML document. `label` names it in sources and errors.
 * @throws FrameworkError `recipe/bad-yaml` with file and line
 */
export function parseTree(text: string, label: string): Tree {
  if (text.length > LONGEST)
    throw new FrameworkError('recipe/bad-yaml', `${label} has ${text.length} characters`, {
      hint: `a recipe or sweep has at most ${LONGEST}; check the path`,
    });
  try {
    return parseDocumentTree(text, label);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // too many levels, or the stack's end
    throw new FrameworkError('recipe/bad-yaml', `${label}: its values are nested too deeply`, {
      hint: 'a recipe is YAML: `key: value`, deeper keys indented by two spaces',
      cause: error,
    });
  }
}

function parseDocumentTree(text: string, label: string): Tree {
  const lines = new LineCounter();
  if (isDeep(text)) throw new RangeError(`more than ${DEEPEST} levels`);
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false, // its check takes the square of their number; see treeOf
  });
  const [error] = document.errors;
  if (error !== undefined)
    throw new FrameworkError(
      'recipe/bad-yaml',
      `${label}:${lines.linePos(error.pos[0]).line}: ${error.message}`,
      {
        hint: 'a recipe is YAML: `key: value`, deeper keys indented by two spaces',
      },
    );
  const sourceOf = (node: unknown): string => {
    const at = (node as Node | null)?.range?.[0];
    return at === undefined ? label : `${label}:${lines.linePos(at).line}`;
  };
  return treeOf(document.contents, sourceOf, label);
}

/** Levels; recipes and sweeps have four. */
const DEEPEST = 50;

/** Brackets of 100,000 levels end the process in a regular expression of the parser's, and many levels take long. */
function isDeep(text: string): boolean {
  let depth = 0;
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth += bracket === '[' || bracket === '{' ? 1 : -1;
    if (depth > DEEPEST) return true;
    if (depth < 0) depth = 0;
  }
  // `- - - a`, `? ? ? a`, and a key below a key below a key.
  return /(?:[-?:][ \t]+){50}/.test(text) || /^ {200}/m.test(text);
}

type SourceOf = (node: unknown) => string;

function treeOf(node: unknown, sourceOf: SourceOf, parent: string): Tree {
  if (isAlias(node))
    throw new FrameworkError(
      'recipe/bad-yaml',
      `${sourceOf(node)}: an alias (*${node.source}) stands where a value should`,
      {
        hint: 'share values with `extends` instead',
      },
    );
  if (isMap(node)) {
    const entries = new Map<string, Tree>();
    for (const { key, value } of node.items) {
      if (!isScalar(key) || (typeof key.value !== 'string' && typeof key.value !== 'number'))
        throw new FrameworkError('recipe/bad-yaml', `${sourceOf(key)}: a key is not a word`);
      if (entries.has(String(key.value)))
        throw new FrameworkError(
          'recipe/bad-yaml',
          `${sourceOf(key)}: Map keys must be unique; ${String(key.value)} stands twice`,
          { hint: 'delete one of the two' },
        );
      entries.set(String(key.value), treeOf(value, sourceOf, sourceOf(key)));
    }
    return { kind: 'map', entries, source: sourceOf(node) };
  }
  if (isSeq(node))
    return {
      kind: 'list',
      items: node.items.map((item) => treeOf(item, sourceOf, parent)),
      source: sourceOf(node),
    };
  // `key:` with nothing behind it is null, and stands where its key stands.
  return isScalar(node)
    ? { kind: 'scalar', value: node.value, source: sourceOf(node) }
    : { kind: 'scalar', value: null, source: parent };
}

/** A tree as text, for errors. */
export function showTree(tree: Tree): string {
  if (tree.kind === 'scalar') return typeof tree.value === 'string' ? `"${tree.value}"` : String(tree.value);
  if (tree.kind === 'list') return `[${tree.items.map(showTree).join(', ')}]`;
  return `{${[...tree.entries.keys()].join(', ')}}`;
}
