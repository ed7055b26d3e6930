import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** An MPI that is installed here. */
export interface Engine {
  readonly name: 'Open MPI' | 'MPICH';
  readonly mpirun: string;
}

/** Debian has both beside each other; elsewhere `mpirun` is one of them. */
export function installedEngines(): Engine[] {
  const found = new Map<string, Engine>();
  for (const mpirun of ['mpirun.openmpi', 'mpirun.mpich', 'mpirun']) {
    try {
      const said = execFileSync(mpirun, ['--version'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const name = /Open MPI|OpenRTE/.test(said)
        ? 'Open MPI'
        : /HYDRA|MPICH/i.test(said)
          ? 'MPICH'
          : undefined;
      if (name !== undefined && !found.has(name)) found.set(name, { name, mpirun });
    } catch {
      // It is not installed.
    }
  }
  return [...found.values()];
}

const COMMAND = fileURLToPath(new URL('../../bin/train.cjs', import.meta.url));

/** `train --ranks`, by this engine. @param command the program, in place of the checkout's `train` */
export function startRanks(
  { mpirun }: Engine,
  size: number,
  args: readonly string[],
  command: readonly string[] = [COMMAND],
): ChildProcess {
  return spawn(process.execPath, [...command, ...args, '--ranks', String(size)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LARGEKERNEL_MPIRUN: mpirun },
  });
}

/** Waits for the end of a process. @returns its exit code and what it wrote to standard error */
export async function endOf(child: ChildProcess): Promise<{ code: number | null; errors: string }> {
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, errors };
}
