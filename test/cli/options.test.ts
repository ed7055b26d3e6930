import type { Command } from 'commander';
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { conditionsOf } from '../../src/cli/conflicts.ts';
import { buildProgram } from '../../src/cli/main.ts';
import { ATTACKS } from '../../src/robustness/attacks/registry.ts';
import { ANALYSES } from '../../src/robustness/analyses/registry.ts';
import { runCommand } from './run.ts';

const program = await buildProgram('all');

function* commandsOf(parent: Command, words: readonly string[] = []): Generator<[string, Command]> {
  for (const command of parent.commands) {
    const path = [...words, command.name()];
    yield [path.join(' '), command];
    yield* commandsOf(command, path);
  }
}
const commands = [...commandsOf(program)];

const SOURCES = ['cli', 'bench', 'robustness/analyses', 'robustness/attacks']
  .map((folder) => new URL(`../../src/${folder}/`, import.meta.url))
  .flatMap((folder) => readdirSync(folder).map((name) => readFileSync(new URL(name, folder), 'utf8')))
  // What is read, apart from declarations of options and of their types.
  .map((text) => text.replace(/^\s*(?:readonly )?\w+\??: [^=;(]+;$/gm, '').replace(/'[^'\n]*'/g, ''))
  .join('\n');

const RUN = mkdtempSync(join(tmpdir(), 'largekernel-'));
writeFileSync(join(RUN, 'recipe.yaml'), '');
const OF_FILES = ['--model resnet50', '--entry x'];

/** A command line for every option that does nothing without another, where that other is missing. */
const IDLE: Readonly<Record<string, readonly string[]>> = {
  train: ['--recipe quickstart --json --quiet', '--recipe quickstart --dry-run --detach', '--recipe quickstart --dry-run --ranks 2'],
  ablate: [
    ...['--data x', '--benchmark-data x', '--out x', '--set seed=1', '--jobs 2', '--launcher slurm', '--sbatch x', '--lead 9'],
    ...['--adapter x', '--memory 1', '--only x', '--table', '--dry-run', '--detach', '--resume', '--json', '--quiet', 'quick-kernels --table --detach'],
    ...['quick-kernels --lead 9', 'quick-kernels --sbatch x', 'quick-kernels --table --only x', 'quick-kernels --table --jobs 2'],
    ...['quick-kernels --dry-run --launcher local', 'quick-kernels --table --benchmark-data x', 'quick-kernels --only x --jobs 2'],
    ...['quick-kernels --only x --launcher local', 'quick-kernels --table --dry-run', 'quick-kernels --table --ranks 2', 'quick-kernels --table --resume', 'quick-kernels --json --quiet'],
  ],
  evaluate: [
    ...['--data-root x', '--generate', '--limit 5', '--subset val-subset-5k', '--corruptions fog', '--severities 1'],
    ...['--difficulty 2', '--seed 1', '--workers 2', '--no-jpeg', '--stored-size 64', '--out x', '--dry-run', '--ema', '--benchmarks c --on-error skip', '--benchmarks c --dry-run --ranks 2'],
    ...['--known x', '--benchmarks a,c --near x', '--far x', '--benchmarks val --generate', '--benchmarks val --corruptions fog'],
    ...['--benchmarks val,p --severities 1', '--benchmarks c --difficulty 2', '--benchmarks c --seed 1', '--benchmarks c --no-jpeg'],
    ...['--benchmarks p --generate --no-jpeg', '--benchmarks val,r --stored-size 64'],
  ].map((rest) => `--checkpoint x.pth ${rest}`).concat(...OF_FILES.map((rest) => `--checkpoint ${RUN} ${rest}`)),
  predict: [...OF_FILES.map((rest) => `--checkpoint ${RUN} --images x ${rest}`), '--checkpoint x.pth --images x --ema'],
  merge: [...OF_FILES.map((rest) => `--checkpoint ${RUN} --output x.safetensors ${rest}`), '--checkpoint x.pth --output x.safetensors --images x --count 2', '--checkpoint x.pth --output x.safetensors --ema'],
  export: [...OF_FILES.map((rest) => `--checkpoint ${RUN} --output x.onnx ${rest}`), '--checkpoint x.pth --output x.onnx --ema', '--checkpoint x.pth --web x --opset 17', '--checkpoint x.pth --output x.onnx --samples x'],
  convert: [...OF_FILES.map((rest) => `${RUN} x.safetensors ${rest}`), 'x.pth x.safetensors --set model.kernels=3', 'x.pth x.safetensors --ema'],
  inspect: ['x.pth --ema', `${RUN} --entry x`],
  corrupt: ['--data x --out x --set p --severities 1', '--data x --out x --set c --difficulty 2'],
  report: ['x --csv x.csv --image x', 'x --csv x.csv --title x'],
  reproduce: [
    ...['--images 5', '--epochs 1', '--small --weights x', '--small --data22k x', '--small --row RepLKNet-31B=1a2b3c4d', '--json'],
    ...['--dry-run --out x.html', '--dry-run --detach'],
  ].map((rest) => `table7 ${rest}`),
  plan: ['--recipe quickstart --for rtx-4090 --adapter auto', '--recipe quickstart --for rtx-4090 --measure', '--recipe quickstart --images-per-second 9 --measure', '--recipe quickstart --ranks 2', '--recipe quickstart --link 9'],
  ...Object.fromEntries(
    ANALYSES.map(({ id, needs }) => [
      `analyze ${id}`,
      [
        ...[...OF_FILES.map((rest) => `--checkpoint ${RUN} ${rest}`), '--checkpoint x.pth --ema'],
        ...(needs === 'nothing' ? [] : ['--checkpoint x.pth --dry-run --ranks 2']),
      ].map((line) => (needs === 'stimuli' ? `${line} --data x` : line)),
    ]),
  ),
  ...Object.fromEntries(
    ATTACKS.map(({ id, draws, canTarget }) => [
      `attack ${id}`,
      [
        ...[...OF_FILES.map((rest) => `--checkpoint ${RUN} ${rest}`), '--checkpoint x.pth --ema', '--checkpoint x.pth --save y --out z', '--checkpoint x.pth --dry-run --ranks 2'],
        ...(draws === 'randomStart' ? ['--checkpoint x.pth --restarts 3'] : []),
        ...(draws !== 'always' && canTarget ? ['--checkpoint x.pth --seed 1', '--checkpoint x.pth --seed 1 --targeted least-likely'] : []),
      ],
    ]),
  ),
  'attack saved': [...OF_FILES.map((rest) => `--checkpoint ${RUN} --from y ${rest}`), '--checkpoint x.pth --from y --ema', '--checkpoint x.pth --from y --dry-run --ranks 2'],
  'bench step': ['--recipe quickstart --versus seed=1 --profile'],
}; // prettier-ignore

describe('every option', () => {
  it.each(commands)('of %s is read', (_name, command) => {
    for (const option of command.options)
      expect(SOURCES, option.flags).toMatch(new RegExp(`\\b${option.attributeName()}\\b`));
  });

  it.each(commands.filter(([, command]) => conditionsOf(command).length > 0))(
    'of %s that would do nothing is refused by its name',
    async (name, command) => {
      const lines = IDLE[name] ?? [];
      const refused = new Set<string>();
      for (const line of lines) {
        const { code, stderr } = await runCommand(...name.split(' '), ...line.split(' '));
        const [, flag = ''] = /(--[\w-]+) was given, but it has an effect only/.exec(stderr) ?? [];
        expect(line, stderr).toContain(flag === '' ? '(refused)' : flag);
        expect(code).toBe(2);
        refused.add(flag);
      }
      for (const { flags } of conditionsOf(command))
        for (const flag of flags.filter((each) => command.options.some(({ long }) => long === each)))
          expect([...refused], `${name} ${flag}`).toContain(flag);
    },
  );
});

it('ablate runs one run of a sweep, and does not leave out another that was named', async () => {
  const { code, stderr } = await runCommand(
    ...'ablate quick-kernels --only 3-seed0 --only 7-seed0'.split(' '),
  );
  expect(code).toBe(2);
  expect(stderr).toContain('3-seed0 was given before; each call runs one.');
});
