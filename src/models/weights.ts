import type { Device } from '../device/device.ts';
import { FlatStore, layoutFlat, locateIn } from '../execution/store.ts';
import type { Locate } from '../execution/program.ts';
import { standardized } from '../ops/standardize/reference.ts';
import { FrameworkError } from '../util/errors.ts';
import type { Model } from './model.ts';

/** A model's weights on a device: uploaded once, shared by every program that runs the model. */
export class ModelWeights {
  readonly model: Model;
  readonly parameters: FlatStore;
  /** Running statistics. */
  readonly state: FlatStore;
  /** Weights that are standardised before use are stored so; see `RecordingOptions.folded`. */
  readonly folded: boolean;

  private constructor(model: Model, parameters: FlatStore, state: FlatStore, folded: boolean) {
    this.model = model;
    this.parameters = parameters;
    this.state = state;
    this.folded = folded;
  }

  /**
   * @param values every parameter and running statistic by name, row-major
   * @param options.folded whether weights are standardised once, here, and not in each pass; gradients of weights need them as they are
   * @throws FrameworkError `model/weights` where one is missing
   */
  static async upload(
    device: Device,
    model: Model,
    values: ReadonlyMap<string, Float32Array>,
    { folded = true }: { readonly folded?: boolean } = {},
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
          folded,
        ),
    );
    const eps = new Map(model.parameters.map(({ name, standardEps }) => [name, standardEps]));
    for (const store of [weights.parameters, weights.state])
      for (const { name, shape } of store.layout.members) {
        const data = values.get(name);
        if (data === undefined)
          throw new FrameworkError('model/weights', `The weights of ${model.name} lack ${name}.`);
        const added = folded ? eps.get(name) : undefined;
        store.write(name, added === undefined ? data : standardized(data, shape[0] ?? 1, added));
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
