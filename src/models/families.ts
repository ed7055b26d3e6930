/** Every model family: one line each. */

export { convnext } from './convnext.ts';
export { replknet } from './replknet.ts';
export { resnetBasic, resnetBottleneck, resnetCifar } from './resnet.ts';
