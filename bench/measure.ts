import { readdirSync, readFileSync } from 'node:fs';
import type { Device } from '../src/device/device.ts';
import {
  elems,
  variantLabel,
  type AnyOp,
  type LowerContext,
  type TensorSpec,
  type Variant,
} from '../src/kernels/op.ts';
import { OpRun } from '../src/kernels/run.ts';
import type { PipelineCache } from '../src/shader/pipelines.ts';

/** One op at one shape. */
export interface BenchRow {
  readonly label: string;
  readonly op: AnyOp;
  readonly inputs: readonly TensorSpec[];
  readonly attrs: unknown;
}

/** Milliseconds of processor time that threads other than this one have used: where software adapters compute. */
function workerMs(): number {
  try {
    return readdirSync('/proc/self/task')
      .filter((id) => id !== String(process.pid))
      .map((id) => Number(readFileSync(`/proc/self/task/${id}/schedstat`, 'utf8').split(' ')[0]) / 1e6)
      .reduce((a, b) => a + b, 0);
  } catch {
    return NaN; // not Linux, or a thread ended in between
  }
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

/**
 * Times one variant with a drained queue: three submissions to warm up, then `repeats` timed one by one. `workerMs` is the
 * processor time of the adapter's threads, which on a busy machine says more than elapsed time.
 */
export async function measure(
  device: Device,
  pipelines: PipelineCache,
  { label, op, inputs, attrs }: BenchRow,
  repeats: number,
  choose: (variants: readonly Variant[]) => readonly Variant[] = (variants) => variants.slice(0, 1),
): Promise<void> {
  const outputs = op.infer(inputs, attrs);
  const context: LowerContext<unknown> = {
    inputs,
    outputs,
    attrs,
    accumulate: outputs.map(() => false),
    limits: device.limits,
    features: device.features,
  };
  const { liveMacs, bytes } = op.cost(inputs, outputs, attrs);
  for (const variant of choose(op.variants(context))) {
    const run = await OpRun.make(device, pipelines, op, context, variant);
    inputs.forEach((spec, i) => {
      run.write(
        i,
        Float32Array.from({ length: elems(spec.shape) }, (_, e) => ((e * 37) % 64) / 64),
      );
    });
    for (let r = 0; r < 3; r++) run.submit();
    await device.settle();
    const times: number[] = [];
    const workers: number[] = [];
    for (let r = 0; r < repeats; r++) {
      const [start, before] = [performance.now(), workerMs()];
      run.submit();
      await device.settle();
      times.push(performance.now() - start);
      workers.push(workerMs() - before);
    }
    run.destroy();
    times.sort((a, b) => a - b);
    workers.sort((a, b) => a - b);
    const ms = percentile(times, 0.5);
    const busy = percentile(workers, 0.5);
    const round = (value: number) => Number(value.toPrecision(4));
    const line = {
      label,
      variant: variantLabel(variant),
      adapter: device.name,
      ms: round(ms),
      minMs: round(times[0] ?? NaN),
      spread: round((percentile(times, 0.75) - percentile(times, 0.25)) / ms),
      workerMs: round(busy),
      ...(liveMacs > 0 && {
        gflops: round((2 * liveMacs) / ms / 1e6),
        gflopsPerCore: round((2 * liveMacs) / busy / 1e6),
      }),
      gbps: round(bytes / ms / 1e6),
      repeats,
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
}
