import { field, integer } from '../../schema/fields.ts';
import { apgdCe, SMALL_EPSILONS, STEPS } from './apgd-ce.ts';
import { apgdT, TARGETS } from './apgd-t.ts';
import { defineAttack, type Attack, type AttackedImages } from './attack.ts';
import { fabT } from './fab-t.ts';
import { requireClasses } from './objectives.ts';
import { square } from './square.ts';
import { AFTER, onStanding, type Attempt } from './standing.ts';

/** AutoAttack's standard ensemble, l∞: each attack only on what stood before it. Notes count what stands after each. */
const MEMBERS: readonly Attack[] = [apgdCe, apgdT, fabT, square];

type Shares = { readonly steps: number; readonly classes: number; readonly queries: number };

/** AutoAttack (Croce & Hein 2020), standard version: APGD-CE, APGD-T, FAB-T and Square, one after the other on the images that still stand. */
export const autoattack = defineAttack({
  id: 'autoattack',
  name: 'AutoAttack',
  description: 'APGD-CE, APGD-T, FAB-T and Square, each on the images that still stand (Croce & Hein 2020)',
  settings: {
    steps: STEPS,
    classes: TARGETS,
    queries: field(
      integer({ min: 1, max: 1_000_000 }),
      5000,
      'Of Square: images through the model for each image.',
    ),
  },
  epsilons: SMALL_EPSILONS,
  draws: 'always',
  needsBounds: true,
  onlyCorrect: true,
  canTarget: false,
  passes: (settings, classes) =>
    MEMBERS.reduce((sum, member) => sum + member.passes(settingsOf(member, settings), classes), 0),
  run: async (model, images, budget, settings) => {
    requireClasses('autoattack', model, 4);
    const attempts = MEMBERS.map((member) => async (some: AttackedImages): Promise<Attempt> => {
      const made = await member.run(model, some, budget, settingsOf(member, settings));
      return made as Attempt;
    });
    const made = await onStanding(model, images, attempts);
    const stands = (member: number) =>
      Float64Array.from(made.turn, (turn) => (turn === 0 || turn > member ? 1 : 0));
    return {
      ...made,
      notes: Object.fromEntries(MEMBERS.map(({ id }, i) => [`${AFTER}${id}`, stands(i + 1)])),
    };
  },
});

/** A member's settings: its defaults, and those of the ensemble that it has. */
function settingsOf({ settings }: Attack, given: Shares): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(settings).map(([key, { default: usual }]) => [key, given[key as keyof Shares] ?? usual]),
  );
}
