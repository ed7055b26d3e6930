import { createRequire } from 'node:module';
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { cacheFolder } from '../util/cache-folder.ts';
import { FrameworkError, messageOf } from '../util/errors.ts';
import { existsNow, ifThereSync, makeFolderNow } from '../util/files.ts';

/**
 * Makes Vulkan available to Dawn on Linux before Dawn is first asked for an adapter. Other systems bring their own API
 * (Metal, Direct3D 12) and need none of this.
 *
 * The npm package `@sparticuz/chromium` carries SwiftShader and a Vulkan loader in one small archive. The loader is
 * mapped into this process with RTLD_NODELETE, so that Dawn's own `dlopen("libvulkan.so.1")` finds it by name; there is
 * no need to restart the process with another LD_LIBRARY_PATH.
 */

const RTLD_NODELETE = 0x1000; // absent from os.constants.dlopen
const ARCHIVE = 'swiftshader.tar.br';
const FILES = ['libvk_swiftshader.so', 'libvulkan.so.1', 'vk_swiftshader_icd.json'] as const;

export interface VulkanSetup {
  /** Where the packaged SwiftShader was unpacked, if it is installed. */
  readonly swiftshader: string | undefined;
  /** Which Vulkan loader Dawn will use. */
  readonly loader: 'system' | 'packaged' | 'none';
  /** Why the packaged SwiftShader is not there, in words. */
  readonly missing: string | undefined;
}

let setup: VulkanSetup | undefined;

/** Idempotent. Sets environment variables of this process that the Vulkan loader reads. */
export function prepareVulkan(): VulkanSetup {
  setup ??=
    process.platform === 'linux'
      ? prepareLinux()
      : { swiftshader: undefined, loader: 'none', missing: undefined };
  return setup;
}

function prepareLinux(): VulkanSetup {
  let swiftshader: string | undefined;
  let missing: string | undefined;
  try {
    swiftshader = unpackSwiftShader(cacheFolder());
  } catch (error) {
    missing = messageOf(error);
  }
  const system = systemLoader();
  if (!system && swiftshader !== undefined) preload(join(swiftshader, 'libvulkan.so.1'));
  if (swiftshader !== undefined) addDriver(join(swiftshader, 'vk_swiftshader_icd.json'), system);
  return {
    swiftshader,
    loader: system ? 'system' : swiftshader === undefined ? 'none' : 'packaged',
    missing,
  };
}

function systemLoader(): boolean {
  const folders = ['/usr/lib', '/usr/lib64', '/lib', '/lib64', '/usr/local/lib'];
  const triplets = ['', 'x86_64-linux-gnu', 'aarch64-linux-gnu'];
  const extra = (process.env['LD_LIBRARY_PATH'] ?? '').split(':').filter((folder) => folder !== '');
  const places = [...folders.flatMap((folder) => triplets.map((triplet) => join(folder, triplet))), ...extra];
  return places.some((place) => existsSync(join(place, 'libvulkan.so.1')));
}

function preload(library: string): void {
  const flags = constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL | RTLD_NODELETE;
  try {
    process.dlopen({ exports: {} }, library, flags);
  } catch (error) {
    // Node maps the library and then throws because it is not a Node module. Any other error is real.
    if (!messageOf(error).includes('did not self-register')) {
      throw new FrameworkError(
        'device/loader',
        `The packaged Vulkan loader ${library} cannot be loaded: ${messageOf(error)}.`,
        {
          hint: 'Delete the folder and run again, or install a Vulkan loader (Debian: apt-get install libvulkan1).',
        },
      );
    }
  }
}

function addDriver(icd: string, systemLoaderFound: boolean): void {
  for (const name of ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES']) {
    const chosen = process.env[name];
    if (chosen === undefined || chosen === '') continue;
    if (!chosen.split(':').includes(icd)) process.env[name] = `${chosen}:${icd}`;
    return;
  }
  if (systemLoaderFound) process.env['VK_ADD_DRIVER_FILES'] = icd;
  else process.env['VK_ICD_FILENAMES'] = icd;
}

/** A file beside the unpacked files with their names and sizes in bytes, written last. */
const RECORD = 'unpacked.json';

/** Unpacks into `<cache>/swiftshader-<version>/`, unless that folder is already complete, and returns it. */
export function unpackSwiftShader(cache: string): string {
  if (process.arch !== 'x64') {
    throw new FrameworkError(
      'device/swiftshader',
      `The packaged SwiftShader is built for x64, this machine is ${process.arch}.`,
    );
  }
  const { archive, version } = locateArchive();
  const folder = join(cache, `swiftshader-${version}`);
  if (isWhole(folder)) return folder;
  const staging = `${folder}.${process.pid}`;
  makeFolderNow(staging);
  try {
    const sizes = unpackTar(brotliDecompressSync(readFileSync(archive)), staging);
    const absent = FILES.filter((file) => !(file in sizes));
    if (absent.length > 0)
      throw new FrameworkError('device/swiftshader', `${archive} does not hold ${absent.join(', ')}.`);
    writeFileSync(join(staging, RECORD), JSON.stringify(sizes), { flush: true });
    // Processes that have the old files open keep using them.
    if (existsNow(folder)) renameSync(folder, `${staging}.old`);
    renameSync(staging, folder);
  } catch (error) {
    if (!isWhole(folder)) throw error; // else another process was first
  } finally {
    for (const left of [staging, `${staging}.old`]) rmSync(left, { recursive: true, force: true });
  }
  return folder;
}

function isWhole(folder: string): boolean {
  const record = ifThereSync(join(folder, RECORD), (path) => readFileSync(path, 'utf8'));
  if (record === undefined) return false;
  try {
    const sizes = JSON.parse(record) as Readonly<Record<string, number>>;
    return FILES.every(
      (file) => ifThereSync(join(folder, file), (path) => statSync(path))?.size === sizes[file],
    );
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

function locateArchive(): { archive: string; version: string } {
  const require = createRequire(import.meta.url);
  let entry: string;
  try {
    entry = require.resolve('@sparticuz/chromium');
  } catch {
    throw new FrameworkError(
      'device/swiftshader',
      'The optional package @sparticuz/chromium, which brings SwiftShader, is not installed.',
      {
        hint: 'npm install --include=optional',
      },
    );
  }
  for (let folder = dirname(entry); folder !== dirname(folder); folder = dirname(folder)) {
    const archive = join(folder, 'bin', ARCHIVE);
    if (!existsSync(archive)) continue;
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
    return { archive, version: manifest.version };
  }
  throw new FrameworkError('device/swiftshader', `The package @sparticuz/chromium holds no bin/${ARCHIVE}.`);
}

/** The few plain files of a small ustar archive, synced to disk; returns their sizes by name. */
function unpackTar(bytes: Buffer, folder: string): Record<string, number> {
  const sizes: Record<string, number> = {};
  for (let at = 0; at + 512 <= bytes.length;) {
    const name = bytes.toString('utf8', at, at + 100).replace(/\0.*$/s, '');
    const size = parseInt(bytes.toString('utf8', at + 124, at + 136), 8);
    if (name === '' || !Number.isFinite(size)) break;
    if ((FILES as readonly string[]).includes(name)) {
      writeFileSync(join(folder, name), bytes.subarray(at + 512, at + 512 + size), { flush: true });
      sizes[name] = size;
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return sizes;
}
