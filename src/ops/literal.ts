import { FrameworkError } from '../util/errors.ts';

/** A number as a WGSL f32 literal, for shader parameters that are not whole: `1e-5` → `0.000009999999747378752f`. */
export function f32Literal(value: number): string {
  const rounded = Math.fround(value);
  if (!Number.isFinite(rounded))
    throw new FrameworkError('shader/literal', `${value} has no f32 literal; WGSL has finite ones only.`);
  return `${rounded}f`;
}
