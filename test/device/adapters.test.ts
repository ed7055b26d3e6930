import { describe, expect, it } from 'vitest';
import type { AdapterEntry } from '../../src/device/adapter-entry.ts';
import { labelsOf, pickAdapter } from '../../src/device/adapters.ts';

const entry = (name: string, kind: AdapterEntry['kind'] = 'gpu'): AdapterEntry => ({
  name,
  kind,
  backend: 'vulkan',
});
const a100 = entry('NVIDIA A100');
const arc = entry('Intel Arc B580');
const llvm = entry('llvmpipe', 'lavapipe');

describe('which adapter --adapter means', () => {
  const entries = [a100, arc, llvm];

  it('is the best, one of a kind, a numbered one, or one by part of its name', () => {
    expect(labelsOf(entries)).toEqual(['gpu:0', 'gpu:1', 'lavapipe']);
    expect(pickAdapter('auto', entries)).toBe(a100);
    expect(pickAdapter('gpu', entries)).toBe(a100);
    expect(pickAdapter('gpu:1', entries)).toBe(arc);
    expect(pickAdapter('arc', entries)).toBe(arc);
    expect(pickAdapter('lavapipe:0', entries)).toBe(llvm);
  });

  it('is none that is not there, and the error lists all', () => {
    expect(() => pickAdapter('gpu:2', entries)).toThrow(
      'No adapter matches `gpu:2`; found: gpu:0 (NVIDIA A100), gpu:1 (Intel Arc B580), lavapipe (llvmpipe).',
    );
  });

  it.each([
    ['of the same name', entry('NVIDIA A100')],
    ['whose name is part of an earlier one', entry('NVIDIA A10')],
  ])('is never silently another: a second card %s is refused', (_what, second) => {
    expect(() => pickAdapter('gpu:1', [a100, second])).toThrow(/Dawn tells adapters apart by name/);
    expect(pickAdapter('gpu:0', [a100, second])).toBe(a100);
  });

  it('is the one whose whole name is given, not one whose name holds it', () => {
    expect(() => pickAdapter('NVIDIA A10', [a100, entry('NVIDIA A10')])).toThrow(
      /NVIDIA A10 is NVIDIA A10, but Dawn .* would open NVIDIA A100/,
    );
    expect(pickAdapter('nvidia a10', [entry('NVIDIA A10'), a100]).name).toBe('NVIDIA A10');
  });
});
