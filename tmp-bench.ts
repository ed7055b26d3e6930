import { openDevice } from '/work/bit/src/device/device.ts';
import { PipelineCache } from '/work/bit/src/shader/pipelines.ts';
import { OpRun } from '/work/bit/src/execution/run.ts';
import { contextOf, variantLabel } from '/work/bit/src/ops/kernels.ts';
import { kernelsOf } from '/work/bit/src/execution/kernels.ts';
import { conv2d, conv2dGradInput, conv2dGradWeight } from '/work/bit/src/ops/conv2d/op.ts';
import { f32, elems } from '/work/bit/src/ops/tensor.ts';
import { readdirSync, readFileSync } from 'node:fs';
function worker(): number { return readdirSync('/proc/self/task').filter((id) => id !== String(process.pid)).map((id) => Number(readFileSync(`/proc/self/task/${id}/schedstat`, 'utf8').split(' ')[0]) / 1e6).reduce((a, b) => a + b, 0); }
const device = await openDevice(process.argv[2] ?? 'lavapipe');
const pipelines = new PipelineCache(device);
for (const [n, ci, size, m, k, s] of [[2,768,14,1,11,2],[1,3072,14,1,7,2],[2,384,14,2,11,2],[2,96,14,2,11,1],[1,96,56,1,7,2],[1,96,56,1,11,2],[1,96,56,1,5,2],[1,128,56,1,3,2]] as number[][]) {
  const a = { stride: [s!, s!] as const, padding: [k!>>1, k!>>1] as const, groups: ci! };
  const co = ci! * m!; const o = Math.floor((size! - 1) / s!) + 1;
  const x = f32(n!, ci!, size!, size!), w = f32(co, 1, k!, k!), dy = f32(n!, co, o, o);
  for (const [op, inputs, attrs] of [[conv2d, {x, weight: w, bias: f32(co)}, a], [conv2dGradInput, {dy, weight: w}, {...a, h: size!, w: size!}], [conv2dGradWeight, {x, dy}, {...a, kh: k!, kw: k!, bias: true}]] as any[]) {
    const outputs = op.infer(inputs, attrs);
    const ctx = contextOf({ inputs, outputs, attrs }, device.profile);
    const kernels = kernelsOf(op);
    const res: string[] = [];
    for (const v of kernels.variants(ctx).filter((v: any) => v.kind !== 'phases')) {
      const run = await OpRun.make(device, pipelines, kernels, ctx, v);
      for (const [name, spec] of Object.entries(inputs) as any) run.write(name, Float32Array.from({ length: elems(spec.shape) }, (_, e) => ((e * 37) % 64) / 64));
      run.submit(); await device.settle();
      const ts: number[] = [];
      for (let i = 0; i < 7; i++) { const t = worker(); run.submit(); await device.settle(); ts.push(worker() - t); }
      ts.sort((p, q) => p - q);
      res.push(`${v.kind} ${(v as any).lanes} ${ts[0]!.toFixed(2)}/${ts[3]!.toFixed(2)}`);
      run.destroy();
    }
    console.log(n, ci, size, 'm', m, 'k', k, 's', s, op.name, res.join('  '));
  }
}
device.close();
