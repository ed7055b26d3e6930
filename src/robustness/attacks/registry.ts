import { FrameworkError, nearest } from '../../util/errors.ts';
import { apgdCe } from './apgd-ce.ts';
import { apgdT } from './apgd-t.ts';
import type { Attack } from './attack.ts';
import { autoattack } from './autoattack.ts';
import { fabT } from './fab-t.ts';
import { fgsm } from './fgsm.ts';
import { mifgsm } from './mifgsm.ts';
import { pgd } from './pgd.ts';
import { square } from './square.ts';
import { taigR, taigS } from './taig.ts';

/** Every attack, in the order in which commands list them. */
export const ATTACKS: readonly Attack[] = [
  fgsm,
  pgd,
  mifgsm,
  apgdCe,
  apgdT,
  fabT,
  square,
  autoattack,
  taigS,
  taigR,
];

/** @throws FrameworkError `attack/unknown` */
export function findAttack(id: string): Attack {
  const found = ATTACKS.find((attack) => attack.id === id);
  if (found !== undefined) return found;
  const ids = ATTACKS.map((attack) => attack.id);
  const near = nearest(id, ids);
  throw new FrameworkError('attack/unknown', `There is no attack ${id}.`, {
    hint: near === undefined ? `Known: ${ids.join(', ')}.` : `Did you mean ${near}?`,
  });
}
