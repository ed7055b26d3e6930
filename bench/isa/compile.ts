import { readFileSync } from 'node:fs';
import { create, globals } from 'webgpu';
import { GPU_FEATURES } from '../../src/device/dawn.ts';

/**
 * Makes a pipeline of each WGSL text in a JSON list, in order, on the first adapter there is; radv-layer.c, which the environment
 * names, writes down what came of it. With the limits and features of bench/isa/profiles.ts.
 */
Object.assign(globalThis, globals);
const [list = ''] = process.argv.slice(2);
// Exported so that it is not collected: Dawn's instance must outlive its devices.
export const gpu = create(['enable-dawn-features=allow_unsafe_apis']);
const adapter = await gpu.requestAdapter();
if (adapter === null) throw new Error('Dawn finds no adapter');
// Some are Dawn's own, which the types do not know.
const features = GPU_FEATURES.filter((name) => adapter.features.has(name)) as GPUFeatureName[];
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
