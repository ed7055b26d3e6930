import type { StepCase } from '../cases.ts';
import type { Data, Prepared } from '../peer.ts';
export function prepareStep(_c: StepCase, _data: Data): Prepared {
  throw new Error('not there yet');
}
