/** Finds and loads the system's MPI library through koffi, which is optional. */
import { createRequire } from 'node:module';
import { FrameworkError, messageOf } from '../util/errors.ts';

type Native = (...args: readonly unknown[]) => number;

interface Library {
  func(name: string, result: string, parameters: readonly string[]): Native;
  symbol(name: string): unknown;
}

/** The part of koffi that is used here; the package need not be installed. */
interface Koffi {
  load(path: string, options: { readonly global: boolean }): Library;
}

/** Two binary interfaces: Open MPI's, and that of MPICH and all that follow it (Intel MPI, MVAPICH, Cray MPICH). */
export type MpiFamily = 'openmpi' | 'mpich';

/** Predefined names: addresses of symbols in Open MPI, numbers in MPICH. */
interface Handles {
  readonly world: unknown;
  readonly byte: unknown;
  readonly float: unknown;
  readonly sum: unknown;
  readonly errorsReturn: unknown;
  /** `MPI_STATUS_IGNORE`, an address. */
  readonly ignore: number;
}

/** A loaded MPI library. */
export interface MpiLibrary {
  readonly path: string;
  readonly family: MpiFamily;
  readonly functions: Readonly<Record<MpiFunction, Native>>;
  readonly handles: Handles;
}

/** Parameters of the functions that are called; `handle` is an address in Open MPI and an int in MPICH. */
const FUNCTIONS = {
  MPI_Init_thread: ['void *', 'void *', 'int', 'void *'],
  MPI_Comm_set_errhandler: ['handle', 'handle'],
  MPI_Comm_rank: ['handle', 'void *'],
  MPI_Comm_size: ['handle', 'void *'],
  MPI_Isend: ['void *', 'int', 'handle', 'int', 'int', 'handle', 'void *'],
  MPI_Irecv: ['void *', 'int', 'handle', 'int', 'int', 'handle', 'void *'],
  MPI_Test: ['void *', 'void *', 'intptr'],
  MPI_Allreduce: ['void *', 'void *', 'int', 'handle', 'handle', 'handle'],
  MPI_Abort: ['handle', 'int'],
  MPI_Finalize: [],
  MPI_Get_library_version: ['void *', 'void *'],
  MPI_Error_string: ['int', 'void *', 'void *'],
  /** The C library's, found through the MPI library, which needs it: ends the process, and nothing is taken down. */
  _exit: ['int'],
} as const;

export type MpiFunction = keyof typeof FUNCTIONS;

const LINUX: Readonly<Record<MpiFamily, readonly string[]>> = {
  openmpi: ['libmpi.so.40', 'libmpi.so.80'],
  mpich: ['libmpich.so.12', 'libmpi.so.12', 'libmpich.so'],
};

const FOLDERS = ['', '/opt/homebrew/lib/', '/usr/local/lib/', '/opt/local/lib/'];
const inFolders = (name: string) => FOLDERS.map((folder) => folder + name);

const MACOS: Readonly<Record<MpiFamily, readonly string[]>> = {
  openmpi: inFolders('libmpi.40.dylib'),
  mpich: inFolders('libmpi.12.dylib'),
};

/** Names to try, those of the family that the launcher belongs to first. @param wanted a file that is tried alone */
function candidates(first: MpiFamily, wanted: string | undefined): readonly string[] {
  if (wanted !== undefined && wanted !== '') return [wanted];
  const names = process.platform === 'darwin' ? MACOS : LINUX;
  return first === 'openmpi' ? [...names.openmpi, ...names.mpich] : [...names.mpich, ...names.openmpi];
}

function loadKoffi(): Koffi {
  try {
    return createRequire(import.meta.url)('koffi') as Koffi;
  } catch (error) {
    throw new FrameworkError(
      'mpi/no-koffi',
      `MPI is called through the npm package koffi, which is not there: ${messageOf(error)}.`,
      {
        hint: 'npm install koffi (it brings its binaries and compiles nothing).',
        cause: error,
      },
    );
  }
}

/**
 * Loads the MPI library of this machine.
 * @param first which family to try first: the launcher's @param wanted a file, in place of the usual names
 * @throws FrameworkError `mpi/no-koffi`, `mpi/no-library`
 */
export function loadMpi(first: MpiFamily, wanted: string | undefined): MpiLibrary {
  const koffi = loadKoffi();
  const names = candidates(first, wanted);
  const failures: string[] = [];
  for (const path of names) {
    try {
      // Open MPI's plugins look for its symbols among the global ones.
      return bind(path, koffi.load(path, { global: true }));
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  throw new FrameworkError(
    'mpi/no-library',
    `No MPI library could be loaded; tried ${names.join(', ')}: ${failures[0] ?? ''}.`,
    {
      hint: 'Install one (Debian: apt-get install openmpi-bin, or mpich), load the cluster’s module, or name the file in LARGEKERNEL_MPI_LIBRARY.',
    },
  );
}

function bind(path: string, library: Library): MpiLibrary {
  const handles = openMpiHandles(library) ?? MPICH;
  const family = handles === MPICH ? 'mpich' : 'openmpi';
  const handle = family === 'mpich' ? 'int' : 'void *';
  const functions = Object.fromEntries(
    Object.entries(FUNCTIONS).map(([name, parameters]) => [
      name,
      library.func(
        name,
        'int',
        parameters.map((type) => (type === 'handle' ? handle : type)),
      ),
    ]),
  ) as Record<MpiFunction, Native>;
  return { path, family, functions, handles };
}

function openMpiHandles(library: Library): Handles | undefined {
  try {
    return {
      world: library.symbol('ompi_mpi_comm_world'),
      byte: library.symbol('ompi_mpi_byte'),
      float: library.symbol('ompi_mpi_float'),
      sum: library.symbol('ompi_mpi_op_sum'),
      errorsReturn: library.symbol('ompi_mpi_errors_return'),
      ignore: 0,
    };
  } catch {
    return undefined;
  }
}

/** Of the MPICH ABI (mpi.h). */
const MPICH: Handles = {
  world: 0x44000000,
  byte: 0x4c00010d,
  float: 0x4c00040a,
  sum: 0x58000003,
  errorsReturn: 0x54000001,
  ignore: 1,
};
