import type { Command } from 'commander';
import { OPS } from '../kernels/registry.ts';

/** `largekernel kernels`, and later models, recipes and datasets: what the registries hold. */
export function addLists(program: Command): void {
  program
    .command('kernels')
    .description('list the ops that have kernels')
    .action(() => {
      for (const op of OPS) process.stdout.write(`${op.name}\n`);
    });
}
