import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Device } from '../../src/device/device.ts';
import { gpuMemory } from '../../src/device/memory.ts';
import { USABLE } from '../../src/training/planning/cards.ts';
import { targetOf } from '../../src/training/planning/fit.ts';

const GIB = 2 ** 30;
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'largekernel-memory-'));
  vi.stubEnv('PATH', folder);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** A command of NVIDIA's driver that says so. */
function installDriver(text: string): void {
  const command = join(folder, 'nvidia-smi');
  writeFileSync(command, `#!/bin/sh\n/bin/cat <<'END'\n${text}\nEND\n`);
  chmodSync(command, 0o755);
}

function addCard(name: string, files: Readonly<Record<string, string>>): void {
  const device = join(folder, 'drm', name, 'device');
  mkdirSync(device, { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(device, file), `${text}\n`);
}

describe.skipIf(process.platform === 'win32')('memory of a GPU', () => {
  it('is what NVIDIA’s driver says of the card of that name, of twins the least', () => {
    installDriver('143771, NVIDIA H200\n24564, NVIDIA GeForce RTX 4090\n143000, NVIDIA H200');
    expect(gpuMemory('NVIDIA H200')).toBe(143000 * 2 ** 20);
    expect(gpuMemory('NVIDIA GeForce RTX 4090')).toBe(24564 * 2 ** 20);
    expect(gpuMemory('NVIDIA H100')).toBeUndefined();
  });

  it('is not told without that command, or where it finds no driver', () => {
    expect(gpuMemory('NVIDIA H200')).toBeUndefined();
    installDriver('NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.');
    expect(gpuMemory('NVIDIA H200')).toBeUndefined();
  });

  it('is what Linux shows of AMD’s cards, unless they differ', () => {
    const drm = join(folder, 'drm');
    const name = 'AMD Radeon RX 7900 XTX (RADV NAVI31)';
    expect(gpuMemory(name, drm)).toBeUndefined();
    addCard('card0', { vendor: '0x8086' });
    addCard('card1', { vendor: '0x1002', mem_info_vram_total: String(24 * GIB) });
    addCard('card1-DP-1', {});
    expect(gpuMemory(name, drm)).toBe(24 * GIB);
    addCard('card2', { vendor: '0x1002', mem_info_vram_total: String(GIB / 2) });
    expect(gpuMemory(name, drm)).toBeUndefined();
  });

  it('decides what a plan may use, unless the user does', () => {
    const device = { kind: 'gpu', name: 'NVIDIA H200', profile: {} } as unknown as Device;
    expect(targetOf(device).budget).toBe(6 * GIB);
    installDriver(`${140 * 1024}, NVIDIA H200`);
    expect(targetOf(device).budget).toBeCloseTo(USABLE * 140 * GIB);
    expect(targetOf(device, 10).budget).toBe(10 * GIB);
  });
});
