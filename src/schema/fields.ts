/** A schema is typed fields and groups of fields, as plain data. */

/** The type of a field. `T` is the TypeScript type of a parsed value. */
export interface FieldType<T> {
  readonly base: 'integer' | 'number' | 'text' | 'name' | 'boolean' | 'choice' | 'list';
  readonly min?: number;
  readonly max?: number;
  /** `min` or `max` itself is not allowed. */
  readonly open?: 'min' | 'max';
  readonly odd?: true;
  /** The words that a choice allows. */
  readonly values?: readonly string[];
  /** What each item of a list is. */
  readonly item?: FieldType<unknown>;
  readonly lengths?: readonly [number, number];
  /** A single value may stand for the whole list. */
  readonly spread?: true;
  /** Words (or null) that are allowed besides. */
  readonly also?: readonly (string | null)[];
  /** Never set: carries the type. */
  readonly parsed?: T;
}

interface Range {
  readonly min?: number;
  readonly max?: number;
  readonly open?: 'min' | 'max';
  readonly odd?: true;
}

export const integer = (range: Range = {}): FieldType<number> => ({ base: 'integer', ...range });
export const number = (range: Range = {}): FieldType<number> => ({ base: 'number', ...range });
export const text: FieldType<string> = { base: 'text' };
/** Text that may be the name of one folder. */
export const folderName: FieldType<string> = { base: 'name' };
export const boolean: FieldType<boolean> = { base: 'boolean' };
export const choice = <const V extends readonly string[]>(...values: V): FieldType<V[number]> => ({
  base: 'choice',
  values,
});
/** A list of `min` to `max` values. */
export const list = (item: FieldType<number>, min: number, max = min): FieldType<readonly number[]> => ({
  base: 'list',
  item,
  lengths: [min, max],
});
export const pair = (item: FieldType<number>): FieldType<readonly [number, number]> => ({
  base: 'list',
  item,
  lengths: [2, 2],
});
export const orNull = <T>(type: FieldType<T>): FieldType<T | null> => ({
  ...(type as FieldType<T | null>),
  also: [...(type.also ?? []), null],
});
export const orAuto = <T>(type: FieldType<T>): FieldType<T | 'auto'> => ({
  ...(type as FieldType<T | 'auto'>),
  also: [...(type.also ?? []), 'auto'],
});

export const orNone = <T>(type: FieldType<T>): FieldType<T | 'none'> => ({
  ...(type as FieldType<T | 'none'>),
  also: [...(type.also ?? []), 'none'],
});

interface FieldNotes {
  readonly unit?: string;
  /** Where the default or the meaning comes from. */
  readonly source?: string;
  /** Two runs that differ only here have the same results, so it is left out of the hash. */
  readonly cosmetic?: true;
  /** Does not change what trained weights compute. */
  readonly onlyTraining?: true;
}

export interface Field<T = unknown> extends FieldNotes {
  readonly node: 'field';
  readonly type: FieldType<T>;
  /** Without it, every recipe must set the field. */
  readonly default?: T;
  readonly description: string;
}

export interface Group<F extends Fields = Fields, N extends boolean = boolean> {
  readonly node: 'group';
  readonly description: string;
  readonly fields: F;
  /** The field that a bare value sets: `batch: 8`. */
  readonly shorthand?: string;
  /** A word that sets every field back to its default: `augment: none`. */
  readonly none?: string;
  /** The group is null unless a recipe gives it. */
  readonly nullable: N;
}

export type Fields = Readonly<Record<string, Field | Group>>;

/** The parsed type of a field or group. */
export type Infer<S> =
  S extends Field<infer T>
    ? T
    : S extends Group<infer F, infer N>
      ? { readonly [K in keyof F]: Infer<F[K]> } | (N extends true ? null : never)
      : never;

/** A field with a default. */
export function field<T>(
  type: FieldType<T>,
  fallback: NoInfer<T>,
  description: string,
  notes: FieldNotes = {},
): Field<T> {
  return { node: 'field', type, default: fallback, description, ...notes };
}

/** A field that every recipe must set, itself or through a parent. */
export function required<T>(type: FieldType<T>, description: string, notes: FieldNotes = {}): Field<T> {
  return { node: 'field', type, description, ...notes };
}

export function group<const F extends Fields>(
  description: string,
  fields: F,
  options: { readonly shorthand?: string; readonly none?: string } = {},
): Group<F, false> {
  return { node: 'group', description, fields, nullable: false, ...options };
}

export function nullableGroup<const F extends Fields>(
  description: string,
  fields: F,
  options: { readonly shorthand?: string } = {},
): Group<F, true> {
  return { node: 'group', description, fields, nullable: true, ...options };
}

/** @example isFolderName('a b.c') // true, unlike '', '..', 'a/b' and 'a\nb' */
export function isFolderName(text: string): boolean {
  return /^[^\s./\\\p{C}-][^/\\\p{C}]*$/u.test(text) && text.length <= 100 && !/\s$/.test(text);
}

/** Every field below a group with its dotted path, in the order of the schema. */
export function* fieldsOf(schema: Group, prefix = ''): Generator<readonly [string, Field]> {
  for (const [key, child] of Object.entries(schema.fields)) {
    if (child.node === 'field') yield [`${prefix}${key}`, child];
    else yield* fieldsOf(child, `${prefix}${key}.`);
  }
}

/** A type in words, for the reference and for errors: `odd integer 1 … 255, or null`. */
export function describeType(type: FieldType<unknown>): string {
  const also = (type.also ?? []).map((word) => `, or ${String(word)}`).join('');
  if (type.base === 'choice') return (type.values ?? []).join(' | ') + also;
  if (type.base === 'list') {
    const [min, max] = type.lengths ?? [0, 0];
    const count = min === max ? String(min) : `${min} to ${max}`;
    const spread = type.spread === true ? ', or one for all' : '';
    return `list of ${count} × ${describeType(type.item ?? text)}${spread}${also}`;
  }
  if (type.base === 'name')
    return 'text that names one folder: 1 to 100 characters, no / or \\, no line ends, no . or - in front';
  return `${type.odd === true ? 'odd ' : ''}${type.base}${describeRange(type)}${also}`;
}

function describeRange({ min, max, open }: FieldType<unknown>): string {
  if (min !== undefined && max !== undefined)
    return ` ${open === 'min' ? '> ' : ''}${min} … ${open === 'max' ? '< ' : ''}${max}`;
  if (min !== undefined) return ` ${open === 'min' ? '>' : '≥'} ${min}`;
  return max === undefined ? '' : ` ${open === 'max' ? '<' : '≤'} ${max}`;
}
