import type { Model } from '../../models/model.ts';
import { decays } from '../../nn/parameters.ts';
import type { Member } from '../../execution/store.ts';

/** Parameters that share a learning-rate scale and whether they decay. */
export interface ParameterGroup {
  readonly key: string;
  /** Multiplies the scheduled learning rate (layer-wise decay); 1 without. */
  readonly scale: number;
  readonly decays: boolean;
}

/**
 * Splits a model's parameters by weight-decay exemption and, with `layerDecay` d < 1, by depth: scale d^(layers − 1 − id)
 * (recipes §1.6).
 */
export function parameterGroups(
  model: Model,
  layerDecay: number | null,
): { groups: ParameterGroup[]; members: Member[] } {
  const groups = new Map<string, ParameterGroup>();
  const members: Member[] = [];
  for (const { name, shape, kind } of model.parameters) {
    if (kind !== 'parameter') continue;
    const layer = layerDecay === null ? model.layers - 1 : model.layerOf(name);
    const scale = layerDecay === null ? 1 : layerDecay ** (model.layers - 1 - layer);
    const decaying = decays(name, shape.length);
    const key = `${layerDecay === null ? '' : `layer ${layer} `}${decaying ? 'decay' : 'no decay'}`;
    groups.set(key, { key, scale, decays: decaying });
    members.push({ name, shape, group: key });
  }
  return { groups: [...groups.values()], members };
}

/** The entries of the state dict that are kept on the device but not trained. */
export function stateMembers(model: Model): Member[] {
  return model.parameters
    .filter(({ kind }) => kind === 'state')
    .map(({ name, shape }) => ({ name, shape, group: 'state' }));
}
