import { readFileSync } from 'node:fs';
import { create, globals } from 'webgpu';

/**
 * Makes a pipeline of each WGSL text in a JSON list, in order, on the first adapter there is; radv-layer.c, which the environment
 * names, writes down what came of it. With the limits and features for which bench/isa/kernels.ts lowers.
 */
Object.assign(globalThis, globals);
const [list = ''] = process.argv.slice(2);
// Exported so that it is not collected: Dawn's instance must outlive its devices.
export const gpu = create([]);
const adapter = await gpu.requestAdapter();
if (adapter === null) throw new Error('Dawn finds no adapter');
const features: GPUFeatureName[] = ['subgroups', 'shader-f16'];
const { maxComputeWorkgroupStorageSize, maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupSizeX } =
  adapter.limits;
const requiredLimits = {
  maxComputeWorkgroupStorageSize,
  maxComputeInvocationsPerWorkgroup,
  maxComputeWorkgroupSizeX,
};
const device = await adapter.requestDevice({ requiredFeatures: features, requiredLimits });
for (const code of JSON.parse(readFileSync(list, 'utf8')) as string[]) {
  const module = device.createShaderModule({ code });
  await device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } });
}
// Taking a device down submits work, which null hardware has no queue for.
process.exit(0);
