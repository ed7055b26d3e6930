import { convnext } from './convnext.ts';
import type { ModelFamily } from './family.ts';
import { replknet } from './replknet.ts';
import { resnetBasic, resnetBottleneck, resnetCifar } from './resnet.ts';

/** All families; a new one is one line here. */
export const families: readonly ModelFamily[] = [
  convnext,
  replknet,
  resnetBasic,
  resnetBottleneck,
  resnetCifar,
];
