import { isFolderName, type FieldType } from './fields.ts';

/** Checks plain values (of YAML, of a command line, of a program) against the types of a schema. */

/** The value as its type has it, a single one written out as a list of one; undefined where the type does not allow it. */
export function readValue(value: unknown, type: FieldType<unknown>): unknown {
  if (type.also?.includes(value as string | null) === true) return value;
  if (type.base !== 'list') return isScalar(value, type) ? value : undefined;
  const items: readonly unknown[] | undefined = Array.isArray(value)
    ? value
    : type.spread === true
      ? [value]
      : undefined;
  const [min, max] = type.lengths ?? [0, Infinity];
  if (items === undefined || items.length < min || items.length > max) return undefined;
  return items.every((item) => type.item !== undefined && isScalar(item, type.item)) ? items : undefined;
}

function isScalar(value: unknown, type: FieldType<unknown>): boolean {
  switch (type.base) {
    case 'name':
      return typeof value === 'string' && isFolderName(value);
    case 'text':
      return typeof value === 'string';
    case 'boolean':
      return typeof value === 'boolean';
    case 'choice':
      return typeof value === 'string' && type.values?.includes(value) === true;
    case 'integer':
    case 'number':
      return typeof value === 'number' && isInRange(value, type);
    case 'list':
      return false;
  }
}

function isInRange(
  value: number,
  { base, min = -Infinity, max = Infinity, open, odd }: FieldType<unknown>,
): boolean {
  if (!Number.isFinite(value) || (base === 'integer' && !Number.isSafeInteger(value))) return false;
  if (odd === true && value % 2 === 0) return false;
  return (open === 'min' ? value > min : value >= min) && (open === 'max' ? value < max : value <= max);
}
