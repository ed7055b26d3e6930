/**
 * Class names in the metadata of exported files (safetensors, ONNX): `classes`, a JSON list of ids in the order of the outputs, and
 * `class_names`, the words for people, where they differ.
 */
import type { ClassInfo } from './dataset.ts';

/** @example classMetadata([{ id: 'n01440764', name: 'tench' }]) // { classes: '["n01440764"]', class_names: '["tench"]' } */
export function classMetadata(classes: readonly ClassInfo[]): Record<string, string> {
  const ids = classes.map(({ id }) => id);
  const names = classes.map(({ name }) => name);
  const differ = names.some((name, i) => name !== ids[i]);
  return { classes: JSON.stringify(ids), ...(differ ? { class_names: JSON.stringify(names) } : {}) };
}

/** The classes in a file's metadata; undefined where others have put something else there. */
export function classesOfMetadata(metadata: ReadonlyMap<string, string>): readonly ClassInfo[] | undefined {
  const ids = texts(metadata.get('classes'));
  if (ids === undefined || new Set(ids).size !== ids.length) return undefined;
  const names = texts(metadata.get('class_names'));
  return ids.map((id, i) => ({ id, name: (names?.length === ids.length ? names[i] : undefined) ?? id }));
}

/** A JSON list of strings. */
function texts(json: string | undefined): readonly string[] | undefined {
  try {
    const value: unknown = JSON.parse(json ?? '');
    return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
  } catch {
    return undefined;
  }
}
