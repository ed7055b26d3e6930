import { describe, expect, it } from 'vitest';
import { lastWords } from '../../src/sweeps/process.ts';

describe('what a process failed for', () => {
  const warnings = 'Warning: maxStorageBuffers artificially reduced\n(node:12) ExperimentalWarning: x\n';
  it.each([
    [
      'the error, not the warnings around it',
      `${warnings}step 3\nerror: no disk\nhint: free some\n${warnings}`,
      'error: no disk\nhint: free some',
    ],
    ['the last error', 'error: one\nhint: a\ninternal error: two\n  at x\n', 'internal error: two\n  at x'],
    [
      'a long one from its beginning',
      `error: a\n${'  at x\n'.repeat(40)}`,
      `error: a${'\n  at x'.repeat(11)}`,
    ],
    ['the last lines where there is no error', `a\nb\n${warnings}`, 'a\nb'],
    ['warnings where there is nothing else', 'Warning: a\n', 'Warning: a'],
  ])('is %s', (_, text, expected) => {
    expect(lastWords(text)).toBe(expected);
  });
});
