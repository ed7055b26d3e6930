import { expect, it } from 'vitest';
import type { AdapterEntry } from '../../src/device/adapter-entry.ts';
import { flagsOf, parseToggles, togglesFor } from '../../src/device/dawn.ts';

const card = (name: string, backend = 'vulkan'): AdapterEntry => ({ name, backend, kind: 'gpu' });

it('software adapters are opened with nothing, NVIDIA’s with what Dawn hides there', () => {
  expect(flagsOf(togglesFor({ ...card('llvmpipe'), kind: 'lavapipe' }, ''))).toEqual([]);
  expect(flagsOf(togglesFor(card('NVIDIA H200'), ''))).toEqual([
    'enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia,use_vulkan_memory_model',
    'disable-dawn-features=timestamp_quantization',
  ]);
  for (const other of [card('AMD Radeon RX 7900 XTX (RADV NAVI31)'), card('NVIDIA RTX 4090', 'd3d12')])
    expect(togglesFor(other, '').enable).toEqual(['allow_unsafe_apis']);
});

it('what is asked for is added to that, or taken away from it', () => {
  const toggles = togglesFor(
    card('NVIDIA H200'),
    'enable=disable_robustness,timestamp_quantization,disable=allow_unsafe_apis,use_vulkan_memory_model',
  );
  expect(toggles).toEqual({
    enable: ['vulkan_enable_f16_on_nvidia', 'disable_robustness', 'timestamp_quantization'],
    disable: ['allow_unsafe_apis', 'use_vulkan_memory_model'],
  });
});

it('what Dawn would take in silence is refused by name', () => {
  expect(() => parseToggles('enable=disable_robustnes')).toThrow(/nearest is disable_robustness/);
  expect(() => parseToggles('disable_robustness')).toThrow(
    /given as enable=…,disable=…, got `disable_robustness`/,
  );
  expect(() => parseToggles('enable=dump_shaders,disable=dump_shaders')).toThrow(
    /enables and disables dump_shaders/,
  );
});
