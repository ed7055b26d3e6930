import { crossEntropyRow } from '../../models/cross-entropy.ts';
import { FrameworkError } from '../../util/errors.ts';
import { argmax } from '../metrics/accuracy.ts';
import type { AttackedImages, AttackedModel, Objective } from './attack.ts';

/** What an image's logits should become: what an attack makes larger. */
type Goal = Pick<AttackedImages, 'labels' | 'targets'>;

/** Cross-entropy with the label; minus that with the target where there is one. */
export function crossEntropy({ labels, targets }: Goal): Objective {
  return (z, dz, image) => {
    const aim = new Float32Array(z.length);
    aim[(targets ?? labels)[image] as number] = 1;
    const loss = crossEntropyRow(z, aim, dz);
    if (targets === undefined) return loss;
    for (let k = 0; k < dz.length; k++) dz[k] = -(dz[k] as number);
    return -loss;
  };
}

/** Keeps equal logits from dividing by zero. */
const TINY = 1e-12;

/**
 * Difference of logits ratio with a target (Croce & Hein 2020): −(z_y − z_t) / (z₁ − (z₃ + z₄)/2), logits in descending order. Its gradient
 * does not vanish where the softmax saturates.
 * @param targets of each image
 */
export function targetedDlr(labels: readonly number[], targets: readonly number[]): Objective {
  return (z, dz, image) => {
    const [y, t] = [labels[image] as number, targets[image] as number];
    const [first, , third, fourth] = largest(z, 4) as [number, number, number, number];
    const at = (k: number) => z[k] as number;
    const spread = at(first) - (at(third) + at(fourth)) / 2 + TINY;
    const value = -(at(y) - at(t)) / spread;
    const sums = new Float64Array(z.length);
    const add = (k: number, slope: number) => {
      sums[k] = (sums[k] as number) + slope;
    };
    add(y, -1 / spread);
    add(t, 1 / spread);
    add(first, -value / spread);
    add(third, value / spread / 2);
    add(fourth, value / spread / 2);
    dz.set(sums);
    return value;
  };
}

/** The logit of a class, as often as it is given: +1 or −1. */
export function logit(classes: readonly number[], sign: number): Objective {
  return (z, dz, image) => {
    const k = classes[image] as number;
    dz[k] = sign;
    return sign * (z[k] as number);
  };
}

/** z_t − z_y: above zero where the target wins over the label. */
export function difference(labels: readonly number[], targets: readonly number[]): Objective {
  return (z, dz, image) => {
    const [y, t] = [labels[image] as number, targets[image] as number];
    dz[y] = -1;
    dz[t] = 1;
    return (z[t] as number) - (z[y] as number);
  };
}

/** z_y − max of the others: below zero where the image is taken for another class. */
export function margin(z: Float32Array, label: number): number {
  let other = -Infinity;
  for (let k = 0; k < z.length; k++) if (k !== label) other = Math.max(other, z[k] as number);
  return (z[label] as number) - other;
}

/** The classes of the `count` largest logits, largest first; ties by index. */
export function largest(z: Float32Array, count: number): number[] {
  const order: number[] = [];
  for (let k = 0; k < z.length; k++) {
    let at = order.length;
    while (at > 0 && (z[k] as number) > (z[order[at - 1] as number] as number)) at--;
    if (at >= count) continue;
    order.splice(at, 0, k);
    if (order.length > count) order.pop();
  }
  return order;
}

/** Whether the attack has what it wants: another class than the label, or the target. */
export function isFooled(z: Float32Array, image: number, { labels, targets }: Goal): boolean {
  const predicted = argmax(z);
  return targets === undefined ? predicted !== labels[image] : predicted === targets[image];
}

/** @throws FrameworkError `attack/classes` */
export function requireClasses(attack: string, { classes }: AttackedModel, least: number): void {
  if (classes >= least) return;
  throw new FrameworkError(
    'attack/classes',
    `${attack} was asked for a model of ${classes} classes; its loss needs ${least}.`,
    { hint: 'Use fgsm, pgd or apgd-ce.' },
  );
}
