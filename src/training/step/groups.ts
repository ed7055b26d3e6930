import type { Model } from '../../models/model.ts';
import type { Member } from '../../execution/store.ts';

/** Parameters that share a learning-rate scale and whether they decay. */
export interface ParameterGroup {
  readonly key: string;
  /** Multiplies the scheduled learning rate (layer-wise decay); 1 without. */
  readonly scale: number;
  readonly decays: boolean;
}

/**
 * Splits a model's parameters by weight-decay exemption and, with `layerDecay` d < 1, by depth: scale d^(layers − 1 − layer).
 * (facebookresearch/ConvNeXt: optim_factory.py)
 */
export function parameterGroups(
  model: Model,
  layerDecay: number | null,
): { groups: ParameterGroup[]; members: Member[] } {
  const groups = new Map<string, ParameterGroup>();
  const members: Member[] = [];
  for (const { name, shape, kind, decays, parts } of model.parameters) {
    if (kind !== 'parameter') continue;
    const layer = layerDecay === null ? model.layers - 1 : model.layerOf(name);
    const scale = layerDecay === null ? 1 : layerDecay ** (model.layers - 1 - layer);
    const key = `${layerDecay === null ? '' : `layer ${layer} `}${decays ? 'decay' : 'no decay'}`;
    groups.set(key, { key, scale, decays });
    members.push({ name, shape, parts, group: key });
  }
  return { groups: [...groups.values()], members };
}

/** The group of `stateMembers` that never changes and so is not averaged either. */
export const FROZEN = 'frozen';

/** The entries of the state dict that are kept on the device but not trained. */
export function stateMembers(model: Model): Member[] {
  return model.parameters
    .filter(({ kind }) => kind === 'state')
    .map(({ name, shape, frozen }) => ({ name, shape, group: frozen ? FROZEN : 'state' }));
}
