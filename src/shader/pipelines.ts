import type { Device } from '../device/device.ts';
import { FrameworkError } from '../util/errors.ts';
import type { ParamValue } from './expression.ts';
import { storeAsHalf } from './half.ts';
import { expandShader, type ExpandedShader } from './template.ts';

/** Compute pipelines of one device, compiled once for each distinct shader text. Entry point: `main`. */
export class PipelineCache {
  private readonly device: Device;
  private readonly pipelines = new Map<string, Promise<GPUComputePipeline>>();

  constructor(device: Device) {
    this.device = device;
  }

  /**
   * @param file path below `shaders/`
   * @param half bindings that are stored in 16 bits
   * @throws FrameworkError naming file:line of the source for a shader that does not compile
   */
  get(
    file: string,
    params: Readonly<Record<string, ParamValue>>,
    half: readonly number[] = [],
  ): Promise<GPUComputePipeline> {
    const expanded = expandShader(file, params);
    const shader = { ...expanded, code: storeAsHalf(expanded.code, half) };
    const known = this.pipelines.get(shader.code);
    if (known !== undefined) return known;
    const pipeline = this.compile(file, shader);
    this.pipelines.set(shader.code, pipeline);
    return pipeline;
  }

  get size(): number {
    return this.pipelines.size;
  }

  private async compile(file: string, shader: ExpandedShader): Promise<GPUComputePipeline> {
    const { gpu } = this.device;
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
      return await this.device.wait(
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
}
