/** Modules that are started rather than imported: TypeScript in a checkout, JavaScript in the installed package. */
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const SOURCE = import.meta.url.endsWith('.ts');

/**
 * The file of a module that a thread or a process runs.
 * @param path relative to `importer`, without an extension
 * @param importer `import.meta.url` of the caller
 */
export function moduleUrl(path: string, importer: string): URL {
  return new URL(`${path}.${SOURCE ? 'ts' : 'js'}`, importer);
}

/** Node's flags for a process that runs `moduleUrl(…)`. */
export function moduleFlags(): string[] {
  return SOURCE ? ['--import', import.meta.resolve('tsx')] : [];
}

/** The module a thread starts with to run `module`: threads do not inherit the loader of TypeScript. */
export function threadEntry(module: URL): URL {
  return SOURCE ? new URL('./thread-entry.mjs', import.meta.url) : module;
}

/** Version of this package, or of one that it depends on. */
export function versionOf(name: 'largekernel' | 'webgpu'): string {
  const path =
    name === 'largekernel'
      ? new URL('../../package.json', import.meta.url)
      : createRequire(import.meta.url).resolve(`${name}/package.json`);
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}
