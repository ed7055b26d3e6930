import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { cacheFolder } from '../../src/util/cache-folder.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

it('is LARGEKERNEL_CACHE, else in the user’s cache; a variable that is empty is not set', () => {
  vi.stubEnv('LARGEKERNEL_CACHE', '');
  vi.stubEnv('XDG_CACHE_HOME', '');
  vi.stubEnv('HOME', '/home/someone');
  expect(cacheFolder()).toBe(join('/home/someone', '.cache', 'largekernel'));
  vi.stubEnv('XDG_CACHE_HOME', '/fast');
  expect(cacheFolder()).toBe(join('/fast', 'largekernel'));
  vi.stubEnv('LARGEKERNEL_CACHE', '/own');
  expect(cacheFolder()).toBe('/own');
});
