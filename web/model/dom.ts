import { FrameworkError } from '../../src/util/errors.ts';

/** The page's element of that id and kind. */
export function element<E extends HTMLElement>(id: string, kind: new () => E): E {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new FrameworkError('web/page', `The page has no ${kind.name} ${id}.`, {
    hint: 'Export the folder again.',
  });
}
