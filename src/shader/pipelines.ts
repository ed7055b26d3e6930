import type { Device } from '../device/device.ts';
import { FrameworkError, defined } from '../util/errors.ts';
import { nextTurn } from '../util/turn.ts';
import type { Bound } from './bindings.ts';
import type { ParamValue } from './parameters.ts';
import { expandShader, type ExpandedShader } from './template.ts';

/** A compiled shader, and the names of what it binds in group 0, in order of their numbers. */
export interface Pipeline {
  readonly gpu: GPUComputePipeline;
  readonly bindings: readonly string[];
}

/** Compute pipelines of one device, compiled once for each distinct shader text. Entry point: `main`. */
export class PipelineCache {
  private readonly device: Device;
  private readonly pipelines = new Map<string, Promise<GPUComputePipeline>>();
  /** Progress of the current batch: pipelines requested since the compiler was last idle, and how many of them are done. */
  private readonly underWay = { wanted: 0, done: 0 };
  private turn: Promise<void> = Promise.resolve();
  /** How many more may compile, and who waits for that. */
  private free: number;
  private readonly waiting: (() => void)[] = [];
  /** Called for every pipeline that is requested or done; the last call of a batch has `done` equal to `wanted`. */
  onCompile: ((done: number, wanted: number) => void) | undefined;

  private static readonly ofDevices = new WeakMap<Device, PipelineCache>();

  /** The pipeline cache of `device`; there is one per device. */
  static of(device: Device): PipelineCache {
    const known = PipelineCache.ofDevices.get(device) ?? new PipelineCache(device);
    PipelineCache.ofDevices.set(device, known);
    return known;
  }

  constructor(device: Device) {
    this.device = device;
    // More would only share the cores, and a process that is to end waits for those under way.
    this.free = Math.max(4, device.host.cores);
  }

  /**
   * @param file path below `shaders/`
   * @param bound how each bound tensor is stored, by name
   * @throws FrameworkError naming file:line of the source for a shader that does not compile
   */
  async get(
    file: string,
    params: Readonly<Record<string, ParamValue>>,
    bound: Readonly<Record<string, Bound>>,
  ): Promise<Pipeline> {
    const shader = expandShader(file, params, bound);
    let gpu = this.pipelines.get(shader.code);
    if (gpu === undefined) {
      gpu = this.counted(this.compile(file, shader));
      this.pipelines.set(shader.code, gpu);
    }
    return { gpu: await gpu, bindings: shader.bindings };
  }

  get size(): number {
    return this.pipelines.size;
  }

  private async counted<T>(work: Promise<T>): Promise<T> {
    const { underWay } = this;
    underWay.wanted++;
    this.onCompile?.(underWay.done, underWay.wanted);
    try {
      return await work;
    } finally {
      underWay.done++;
      this.onCompile?.(underWay.done, underWay.wanted);
      if (underWay.done === underWay.wanted) Object.assign(underWay, { wanted: 0, done: 0 });
    }
  }

  private async compile(file: string, shader: ExpandedShader): Promise<GPUComputePipeline> {
    const { gpu } = this.device;
    // Dawn parses shaders on this thread. Without a pause, hundreds of them would delay signals by seconds.
    await (this.turn = this.turn.then(nextTurn));
    gpu.pushErrorScope('validation');
    const module = gpu.createShaderModule({ label: file, code: shader.code });
    const scope = gpu.popErrorScope();
    const info = await module.getCompilationInfo();
    const errors = info.messages.filter((message) => message.type === 'error');
    const validation = await scope;
    if (errors.length > 0 || validation !== null) {
      const text = errors
        .map((message) => `${shader.origin[message.lineNum - 1] ?? file}: ${message.message}`)
        .join('\n');
      throw new FrameworkError(
        'shader/compile',
        text || `shaders/${file}: ${validation?.message ?? 'does not compile'}`,
      );
    }
    try {
      return await this.oneOfFew(() =>
        gpu.createComputePipelineAsync({
          label: file,
          layout: 'auto',
          compute: { module, entryPoint: 'main' },
        }),
      );
    } catch (error) {
      throw new FrameworkError(
        'shader/pipeline',
        `shaders/${file} makes no pipeline on ${this.device.name}: ${String(error)}.`,
      );
    }
  }

  private async oneOfFew<T>(compile: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await this.device.wait(compile());
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.free++;
      else next();
    }
  }
}

/** Binds what a shader names. */
export function bindGroup(
  gpu: GPUDevice,
  pipeline: Pipeline,
  label: string,
  resources: Readonly<Record<string, GPUBufferBinding>>,
): GPUBindGroup {
  const entries = pipeline.bindings.map((name, binding) => ({
    binding,
    resource: defined(resources[name], `${name} of ${label}`),
  }));
  return gpu.createBindGroup({ label, layout: pipeline.gpu.getBindGroupLayout(0), entries });
}
