import { create, globals } from 'webgpu';
import { afterAll, describe, expect, it } from 'vitest';
import { GPU_FEATURES } from '../../src/device/dawn.ts';
import { DEFAULT_LIMITS, profileOf } from '../../src/device/profile.ts';
import { halved } from '../../src/execution/prove.ts';
import { type AnyKernels, contextOf, lowerOp, variantLabel } from '../../src/ops/kernels.ts';
import { kernels as depthwises } from '../../src/ops/depthwise/kernels.ts';
import { kernels as matmuls } from '../../src/ops/matmul/kernels.ts';
import type { Example } from '../../src/ops/op.ts';
import { f32 } from '../../src/ops/tensor.ts';
import { expandShader } from '../../src/shader/template.ts';
import { UNIT } from './matrix-stand-ins.ts';

// Dawn's null backend has all features and computes nothing: what it is good for is Dawn's own opinion of WGSL. It knows no
// configuration of matrix units, so that it makes shader modules and no pipelines.
Object.assign(globalThis, globals);
// Exported so that it is not collected: Dawn's instance must outlive its devices.
export const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
const adapter = (await gpu.requestAdapter())!;
const device = await adapter.requestDevice({
  requiredFeatures: GPU_FEATURES.filter((name) => adapter.features.has(name)) as GPUFeatureName[],
});

const limits = { ...DEFAULT_LIMITS, maxComputeWorkgroupStorageSize: 49152 };
const PROFILES = {
  'subgroups of one size': profileOf('gpu', limits, [], {
    subgroups: { min: 32, max: 32 },
    matrixUnits: [UNIT],
  }),
  'subgroups of two sizes': profileOf('gpu', limits, ['subgroup-size-control'], {
    subgroups: { min: 32, max: 64 },
    matrixUnits: [UNIT],
  }),
};

afterAll(() => {
  device.destroy();
});

const family: readonly AnyKernels[] = [...matmuls, ...depthwises];
/** Kinds of variants that need matrix units. */
const KINDS = ['matrix', 'bands', 'bands-weight'];
/** Shapes beside an op's examples. */
const MORE: Readonly<Record<string, readonly Example<unknown>[]>> = {
  'depthwise-grad-weight': [
    {
      inputs: { x: f32(16, 2, 14, 14), dy: f32(16, 2, 14, 14) },
      attrs: { kh: 27, kw: 27, bias: true },
    },
  ],
};

describe.each(Object.entries(PROFILES))('shaders for matrix units and %s', (_label, profile) => {
  it.each(family.map((kernels) => [kernels.op.name, kernels] as const))(
    '%s: Dawn takes every variant',
    async (_name, kernels) => {
      let count = 0;
      for (const example of [...kernels.op.examples, ...(MORE[kernels.op.name] ?? [])].map(halved)) {
        const outputs = kernels.op.infer(example.inputs, example.attrs);
        const context = contextOf({ ...example, outputs }, profile);
        for (const variant of kernels.variants(context).filter(({ kind }) => KINDS.includes(kind))) {
          for (const dispatch of lowerOp(kernels, context, variant).dispatches) {
            const { code } = expandShader(dispatch.shader, dispatch.params, dispatch.bindings);
            const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
            const errors = messages.filter(({ type }) => type === 'error').map(({ message }) => message);
            expect(errors, variantLabel(variant)).toEqual([]);
            count++;
          }
        }
      }
      expect(count).toBeGreaterThanOrEqual(4);
    },
  );
});
