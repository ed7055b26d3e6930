import { readValue } from '../../schema/values.ts';
import { describeType } from '../../schema/fields.ts';
import { FrameworkError } from '../../util/errors.ts';
import type { Analysis, PresetName } from './analysis.ts';

/** The presets that an analysis has; `default` always. */
export function presetsOf({ presets }: Analysis): PresetName[] {
  return ['default', ...(Object.keys(presets) as PresetName[])];
}

/**
 * The settings of a preset with some of them replaced.
 * @throws FrameworkError `analysis/preset`, `analysis/setting`, `analysis/no-effect`
 */
export function settingsOf(
  analysis: Analysis,
  preset: PresetName,
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  if (!presetsOf(analysis).includes(preset))
    throw new FrameworkError('analysis/preset', `${analysis.id} has no preset ${preset}.`, {
      hint: `Its presets: ${presetsOf(analysis).join(', ')}.`,
    });
  const settings = valuesOf(analysis, preset, given);
  for (const condition of analysis.conditions ?? []) {
    const { keys, words } = condition;
    const idle = keys.find((key) => given[key] !== undefined);
    if (idle !== undefined && !condition.holds(settings))
      throw new FrameworkError(
        'analysis/no-effect',
        `${idle} was given, but it has an effect only ${words}.`,
        {
          hint: 'Leave it out.',
        },
      );
  }
  return settings;
}

function valuesOf(
  analysis: Analysis,
  preset: PresetName,
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const own = preset === 'default' ? {} : (analysis.presets[preset] ?? {});
  return Object.fromEntries(
    Object.entries(analysis.settings).map(([key, { type, default: usual }]) => {
      const asked = given[key] ?? own[key] ?? usual;
      const value = readValue(asked, type);
      if (value === undefined)
        throw new FrameworkError(
          'analysis/setting',
          `${analysis.id}: ${key} is ${JSON.stringify(asked)}; allowed: ${describeType(type)}.`,
        );
      return [key, Array.isArray(value) ? ascending(value as number[]) : value];
    }),
  );
}

/** Lists are points along x: the same points in another order, or named twice, are the same question. */
function ascending(list: readonly number[]): number[] {
  return [...new Set(list)].sort((a, b) => a - b);
}
