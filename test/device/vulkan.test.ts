import { createRequire } from 'node:module';
import { mkdtempSync, readFileSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { unpackSwiftShader } from '../../src/device/vulkan.ts';

const isInstalled = (() => {
  try {
    return createRequire(import.meta.url).resolve('@sparticuz/chromium') !== '';
  } catch {
    return false;
  }
})();

it.skipIf(!isInstalled || process.arch !== 'x64')(
  'SwiftShader that was unpacked in part is unpacked again',
  () => {
    const cache = mkdtempSync(join(tmpdir(), 'largekernel-'));
    const folder = unpackSwiftShader(cache);
    const library = join(folder, 'libvk_swiftshader.so');
    const whole = readFileSync(library);
    const made = statSync(library).ino;
    expect(statSync(join(unpackSwiftShader(cache), 'libvk_swiftshader.so')).ino).toBe(made);
    truncateSync(library, 1000);
    unpackSwiftShader(cache);
    expect(readFileSync(library).equals(whole)).toBe(true);
    writeFileSync(join(folder, 'unpacked.json'), '{');
    unpackSwiftShader(cache);
    expect(statSync(library).size).toBe(whole.length);
    expect(readdirSync(cache)).toHaveLength(1);
  },
);
