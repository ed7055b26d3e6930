import type { Device } from '../device/device.ts';
import { FlatStore, layoutFlat, locateIn } from '../execution/store.ts';
import type { Locate } from '../execution/program.ts';
import { FrameworkError } from '../util/errors.ts';
import type { Model } from './model.ts';

/** A model's weights on a device: uploaded once, shared by every program that runs the model. */
export class ModelWeights {
  readonly model: Model;
  readonly parameters: FlatStore;
  /** Running statistics. */
  readonly state: FlatStore;

  private constructor(model: Model, parameters: FlatStore, state: FlatStore) {
    this.model = model;
    this.parameters = parameters;
    this.state = state;
  }

  /**
   * @param values every parameter and running statistic by name, row-major
   * @throws FrameworkError `model/weights` where one is missing
   */
  static async upload(
    device: Device,
    model: Model,
    values: ReadonlyMap<string, Float32Array>,
  ): Promise<ModelWeights> {
    const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
    const layout = (kind: 'parameter' | 'state') => {
      const members = model.parameters
        .filter((spec) => spec.kind === kind)
        .map(({ name, shape, parts }) => ({ name, shape, parts, group: kind }));
      return layoutFlat(members, Math.min(maxStorageBufferBindingSize, maxBufferSize));
    };
    const weights = await device.guard(
      `weights of ${model.name}`,
      () =>
        new ModelWeights(
          model,
          new FlatStore(device, 'parameters', layout('parameter')),
          new FlatStore(device, 'state', layout('state')),
        ),
    );
    for (const store of [weights.parameters, weights.state])
      for (const { name } of store.layout.members) {
        const data = values.get(name);
        if (data === undefined)
          throw new FrameworkError('model/weights', `The weights of ${model.name} lack ${name}.`);
        store.write(name, data);
      }
    return weights;
  }

  get locate(): Locate {
    return locateIn({ parameter: this.parameters, state: this.state });
  }

  get bytes(): number {
    return this.parameters.bytes + this.state.bytes;
  }

  destroy(): void {
    this.parameters.destroy();
    this.state.destroy();
  }
}
