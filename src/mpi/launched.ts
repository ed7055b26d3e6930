/** How this process was started, by the environment that launchers of MPI give. */
import type { MpiFamily } from './library.ts';

/** One of several processes of a job. */
export interface Launched {
  /** Processes of the job. */
  readonly size: number;
  /** Whose library to try first. */
  readonly family: MpiFamily;
  /** In words. */
  readonly launcher: string;
}

/**
 * What started this process as one of several; undefined if it is alone. `mpirun` of Open MPI and of MPICH (and all with its launcher,
 * hydra), and `srun`, with PMIx or PMI-2.
 */
export function launchedBy(env: NodeJS.ProcessEnv): Launched | undefined {
  const several = (text: string | undefined) => Number(text) > 1;
  if (several(env['OMPI_COMM_WORLD_SIZE']))
    return { size: Number(env['OMPI_COMM_WORLD_SIZE']), family: 'openmpi', launcher: 'mpirun of Open MPI' };
  const step = env['SLURM_STEP_NUM_TASKS'];
  if (several(step) && env['SLURM_PROCID'] !== undefined) {
    const family = env['PMIX_RANK'] === undefined ? 'mpich' : 'openmpi';
    return { size: Number(step), family, launcher: 'srun' };
  }
  if (several(env['PMI_SIZE']))
    return { size: Number(env['PMI_SIZE']), family: 'mpich', launcher: 'mpirun of MPICH' };
  return undefined;
}
