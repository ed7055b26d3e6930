import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * How much memory a GPU has. WebGPU does not tell, and Dawn's binding for Node does not pass on what Dawn knows of an adapter's memory
 * heaps, so the drivers are asked beside it: NVIDIA's by its command, AMD's by the files that it shows on Linux.
 */

const MIB = 2 ** 20;
/** A driver that does not answer is not worth more. */
const PATIENCE_MS = 10_000;

/**
 * Bytes of memory of the GPU with a driver's `name`; of several of that name the least. Undefined where no driver tells.
 * @param drm the folder where Linux shows graphics cards
 */
export function gpuMemory(name: string, drm = '/sys/class/drm'): number | undefined {
  const sizes = /nvidia|geforce|quadro|tesla/i.test(name)
    ? nvidiaMemory(name)
    : /\bAMD\b|radeon/i.test(name)
      ? amdMemory(drm)
      : [];
  return sizes.length === 0 ? undefined : Math.min(...sizes);
}

function nvidiaMemory(name: string): number[] {
  let text: string;
  try {
    text = execFileSync('nvidia-smi', ['--query-gpu=memory.total,name', '--format=csv,noheader,nounits'], {
      encoding: 'utf8',
      timeout: PATIENCE_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return []; // not installed, or it finds no driver
  }
  return [...text.matchAll(/^(\d+), (.+)$/gm)].flatMap(([, mib, card]) =>
    card?.trim() === name ? [Number(mib) * MIB] : [],
  );
}

/** All cards of AMD: these files name no model. Where they differ, nobody knows which one is meant. */
function amdMemory(drm: string): number[] {
  const sizes = new Set<number>();
  try {
    for (const card of readdirSync(drm).filter((entry) => /^card\d+$/.test(entry))) {
      const device = join(drm, card, 'device');
      if (readFileSync(join(device, 'vendor'), 'utf8').trim() !== '0x1002') continue;
      sizes.add(Number(readFileSync(join(device, 'mem_info_vram_total'), 'utf8')));
    }
  } catch {
    return []; // another system, or another driver's card
  }
  return sizes.size === 1 ? [...sizes] : [];
}
