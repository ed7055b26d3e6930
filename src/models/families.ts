/** Every model family: one line each. */

export { convnext } from './convnext.ts';
export { replknet } from './replknet.ts';
export { resnetBasic, resnetBottleneck, resnetCifar } from './resnet.ts';
export { bit } from './bit.ts';
export { robustResNet } from './robust-resnet.ts';
export { dino, vit } from './vit.ts';
