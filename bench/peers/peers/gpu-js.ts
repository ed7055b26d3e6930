import { GPU, Input } from 'gpu.js';
import { defined } from '../../../src/util/errors.ts';
import type { Case } from '../cases.ts';
import { drain } from '../navigator.ts';
import { tensor, type Data, type Peer, type Prepared } from '../peer.ts';
import { constantsOf, flatten, kernelsOf, shapesOf } from './gpu-js-kernels.ts';

export async function open(): Promise<Peer> {
  const gpu = new GPU({ mode: 'webgpu' });
  return {
    runsOn: 'WebGPU, kernels written for this comparison',
    prepare: (c, data) => prepare(gpu, c, data),
  };
}

/** A result that stays on the device; what kernels return in WebGPU mode, which the package's types do not know. */
interface Handle {
  toArray(): Promise<ArrayLike<unknown>>;
  delete(): void;
}

type Compiled = ((...given: unknown[]) => Promise<Handle>) & { destroy(): void };

async function prepare(gpu: GPU, c: Case, data: Data): Promise<Prepared> {
  if (c.op === 'step') throw new Error('gpu.js has neither layers nor gradients to make a training step of');
  const constants = constantsOf(c);
  const kernels = kernelsOf(c);
  const compile = (source: string, output: readonly number[]): Compiled =>
    gpu.createKernel(source as never, {
      output: [...output],
      constants,
      pipeline: true,
      immutable: true,
    }) as never;
  const compiled = kernels.map(({ source, output }) => compile(source, output));
  // What an identity kernel returns stays on the device; arrays given to a kernel are uploaded in each run.
  const resident = new Map<string, unknown>();
  for (const [name, shape] of Object.entries(shapesOf(c))) {
    const index = ['this.thread.z', 'this.thread.y', 'this.thread.x'].slice(3 - shape.length).join('][');
    const upload = compile(`function (a) { return a[${index}]; }`, shape);
    const values = new Input(tensor(data, name) as unknown as number[], shape as [number]);
    resident.set(name, await upload(values));
  }
  const once = async (): Promise<Map<string, Handle>> => {
    const made = new Map<string, Handle>();
    for (const [i, { name, inputs }] of kernels.entries()) {
      const given = inputs.map((key) => made.get(key) ?? resident.get(key));
      made.set(name, await defined(compiled[i], name)(...given));
    }
    return made;
  };
  let results = new Map<string, Handle>();
  return {
    async run() {
      for (const result of results.values()) result.delete();
      results = await once();
      await drain();
    },
    async outputs() {
      const all: Record<string, Float32Array> = {};
      for (const [name, result] of results) all[name] = flatten(await result.toArray());
      return all;
    },
    dispose() {
      for (const result of results.values()) result.delete();
      for (const kernel of compiled) kernel.destroy();
    },
  };
}
