/**
 * What is looked at in every turn of the event loop until it has come. Dawn's binding for Node polls in every turn too while work of a device is
 * awaited. Turns without a pause occupy a core, on which a software adapter or another process may compute; so each sleeps as long as all
 * that wait allow.
 */

/** Called in every turn. @returns how long the turn may sleep, in ms; undefined once there is nothing to wait for */
export type Look = () => number | undefined;

const looks = new Set<Look>();
const never = new Int32Array(new SharedArrayBuffer(4));
let isTurning = false;

/** Looks in every turn from the next on, until there is nothing to wait for; then it may be given again. */
export function pollBy(look: Look): void {
  looks.add(look);
  if (isTurning) return;
  isTurning = true;
  setImmediate(turn);
}

function turn(): void {
  let pause = Infinity;
  for (const look of [...looks]) {
    const own = look();
    if (own === undefined) looks.delete(look);
    else pause = Math.min(pause, own);
  }
  isTurning = looks.size > 0;
  if (!isTurning) return;
  if (pause > 0) Atomics.wait(never, 0, 0, pause);
  setImmediate(turn);
}
