import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';
import { WASM } from '../util/wasm-bytes.ts';
import { SHADERS } from '../shader/read.ts';
import { FrameworkError, messageOf } from '../util/errors.ts';

/** The page's script. The installed package has it ready, beside this file; a checkout bundles it from the sources. */

const HERE = dirname(fileURLToPath(import.meta.url));
const READY = join(HERE, 'page.bundle.js');
const SOURCES = join(HERE, '../../src');
const PAGES = join(HERE, '../../web');

/** What only Node can do, and what does it in a browser: files below src, and below web. */
const IN_BROWSERS: Readonly<Record<string, string>> = {
  'data/image/decode.ts': 'model/codec.ts',
  'data/image/encode.ts': 'model/codec.ts',
  'robustness/corruptions/lib/frost-files.ts': 'model/frost.ts',
};

/** What a page cannot read from files, it carries: modules below src, and what makes the text of each. */
const CARRIED: Readonly<Record<string, () => Promise<string>>> = {
  'shader/read.ts': carriedShaders,
  'util/wasm-bytes.ts': carriedWasm,
};

const forBrowsers: Plugin = {
  name: 'for-browsers',
  setup(build) {
    build.onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir }) => {
      const file = resolve(resolveDir, path);
      for (const [node, browser] of Object.entries(IN_BROWSERS))
        if (file === join(SOURCES, node)) return { path: join(PAGES, browser) };
      return undefined;
    });
    build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const make = Object.entries(CARRIED).find(([file]) => path === join(SOURCES, file))?.[1];
      return make && { contents: await make(), loader: 'ts' };
    });
  },
};

/** A module in place of src/shader/read.ts with the text of every shader, without comments. */
async function carriedShaders(): Promise<string> {
  const files = (await readdir(SHADERS, { recursive: true })).filter((file) => file.endsWith('.wgsl')).sort();
  const texts = await Promise.all(
    files.map(
      async (file) =>
        [file.replaceAll('\\', '/'), bare(await readFile(join(SHADERS, file), 'utf8'))] as const,
    ),
  );
  return [
    `const texts = new Map<string, string>(${JSON.stringify(texts)});`,
    'export function readShader(file: string): string {',
    '  const text = texts.get(file);',
    '  if (text === undefined) throw new Error(`shaders/${file} is not part of this page`);',
    '  return text;',
    '}',
  ].join('\n');
}

/** A module in place of src/util/wasm-bytes.ts. */
async function carriedWasm(): Promise<string> {
  const text = (await readFile(WASM)).toString('base64');
  return `export const wasmBytes = () => Uint8Array.from(atob('${text}'), (c) => c.charCodeAt(0));`;
}

/** Comments become empty lines, so that messages keep their line numbers. */
function bare(text: string): string {
  return text.replace(/^[ \t]*\/\/.*$/gm, '').replace(/^[ \t]+/gm, '');
}

/**
 * The page's script, one file for any browser with WebGPU, whose global `largekernel` has what web/model/main.ts exports.
 * @throws FrameworkError `web/bundle` where a checkout lacks esbuild
 */
export async function pageScript(): Promise<string> {
  if (existsSync(READY)) return readFile(READY, 'utf8');
  try {
    const { build } = await import('esbuild');
    const { outputFiles } = await build({
      entryPoints: [join(PAGES, 'model/main.ts')],
      bundle: true,
      minify: true,
      format: 'iife',
      globalName: 'largekernel',
      platform: 'browser',
      target: 'es2022',
      legalComments: 'none',
      plugins: [forBrowsers],
      write: false,
      logLevel: 'silent',
    });
    return outputFiles.map(({ text }) => text).join('');
  } catch (error) {
    throw new FrameworkError('web/bundle', `The page cannot be bundled: ${messageOf(error)}`, {
      hint: 'A checkout needs its development packages: run `npm ci` without --omit=dev.',
      cause: error,
    });
  }
}
