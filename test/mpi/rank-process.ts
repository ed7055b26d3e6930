/** A rank that looks at what MPI has done to its process: run as a program, it starts two of itself. */
import { createRequire } from 'node:module';
import { asRank } from '../../src/cli/ranks.ts';
import { startRanks } from '../../src/cli/start-ranks.ts';
import { launchedBy } from '../../src/mpi/launched.ts';

/** What of it is used: TypeScript declares it with the browser's types alone. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

interface Koffi {
  load(path: string | null): { symbol(name: string): unknown };
  view(address: unknown, bytes: number): ArrayBuffer;
}

const MAPPING = ['mmap', 'munmap', 'madvise', 'brk'];

/** How the C library's functions begin, in hexadecimal digits. */
function beginnings(): string {
  const koffi = createRequire(import.meta.url)('koffi') as Koffi;
  const library = koffi.load(null);
  return MAPPING.map((name) => Buffer.from(koffi.view(library.symbol(name), 8)).toString('hex')).join(' ');
}

/** A module whose function `f` loads from beyond the end of its memory. */
const BEYOND = Buffer.from(
  [
    '0061736d01000000',
    '0105016000017f',
    '03020100',
    '0503010001',
    '07050101660000',
    '0a0c010a0041f0ffff0f2802000b',
  ].join(''),
  'hex',
);

function outOfBounds(): string {
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(BEYOND)).exports as { f: () => number };
  try {
    return `read ${f()}`;
  } catch (error) {
    return String(error);
  }
}

if (launchedBy(process.env) === undefined) await startRanks(2, false);
else {
  const before = beginnings();
  await asRank(async () => {
    const isPatched = beginnings() !== before;
    process.stdout.write(`${isPatched ? 'patched' : 'as it was'}; ${outOfBounds()}\n`);
  });
  process.exit();
}
