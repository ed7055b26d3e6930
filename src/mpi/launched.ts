/** How this process was started, by the environment that launchers of MPI give. */
import type { MpiFamily } from './library.ts';

/** One of several processes of a job. */
export interface Launched {
  /** Its number in the job. */
  readonly rank: number;
  /** Processes of the job. */
  readonly size: number;
  /** Whose library to try first. */
  readonly family: MpiFamily;
  /** In words. */
  readonly launcher: string;
  /** Whether the launcher surely ends all processes when one of them ends with an error. */
  readonly endsAll: boolean;
}

/** `--ranks` sets it for the processes of its own `mpirun`. */
export const OWN_MPIRUN = 'LARGEKERNEL_OWN_MPIRUN';

/**
 * What started this process as one of several; undefined if it is alone. `mpirun` of Open MPI and of MPICH (and all with its launcher,
 * hydra), and `srun`, with PMIx or PMI-2.
 */
export function launchedBy(env: NodeJS.ProcessEnv): Launched | undefined {
  const endsAll = env[OWN_MPIRUN] !== undefined;
  const several = (text: string | undefined) => Number(text) > 1;
  const numbers = (rank: string, size: string) => ({ rank: Number(env[rank] ?? 0), size: Number(env[size]) });
  if (several(env['OMPI_COMM_WORLD_SIZE'])) {
    const place = numbers('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE');
    return { ...place, family: 'openmpi', launcher: 'mpirun of Open MPI', endsAll };
  }
  if (several(env['SLURM_STEP_NUM_TASKS']) && env['SLURM_PROCID'] !== undefined) {
    const family = env['PMIX_RANK'] === undefined ? 'mpich' : 'openmpi';
    return { ...numbers('SLURM_PROCID', 'SLURM_STEP_NUM_TASKS'), family, launcher: 'srun', endsAll: false };
  }
  if (several(env['PMI_SIZE']))
    return { ...numbers('PMI_RANK', 'PMI_SIZE'), family: 'mpich', launcher: 'mpirun of MPICH', endsAll };
  return undefined;
}
