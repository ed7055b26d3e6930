import { CARDS, type Card } from '../training/planning/cards.ts';
import { FrameworkError } from '../util/errors.ts';

/** The card of `--for`. @param otherwise what to do about any other, for the hint @throws FrameworkError `cli/option` */
export function cardOf(name: string, otherwise = ''): Card {
  const [, card] = Object.entries(CARDS).find(([known]) => bare(known) === bare(name)) ?? [];
  if (card !== undefined) return card;
  throw new FrameworkError('cli/option', `--for ${name} is no card that is known here.`, {
    hint: `There are ${Object.keys(CARDS).join(', ')}${otherwise}.`,
  });
}

/** `NVIDIA GeForce RTX 4090` → `rtx4090`: a name as people write it, without its makers' words. */
function bare(name: string): string {
  const words = name.toLowerCase().replace(/\b(nvidia|geforce|tesla|amd|radeon|intel|apple)\b/g, '');
  return words.replace(/[\s_-]+/g, '');
}
