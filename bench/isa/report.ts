import { Command } from 'commander';
import { collect } from '../../src/cli/train.ts';
import { describeError, exitCodeOf } from '../../src/cli/errors.ts';
import { FrameworkError, defined } from '../../src/util/errors.ts';
import { hottestLoop, modelledMultiplyAdds, parseAssembly } from './asm.ts';
import { kernelsOf, type Kernel } from './kernels.ts';
import { profileFor } from './profiles.ts';
import { compileFor, type Compiled } from './radv.ts';

/**
 * What AMD's compiler makes of every kernel of a training step, without a GPU:
 *
 *     npm run isa -- [--filter TEXT] [--recipe NAME]… [--set KEY=VALUE]… [--family LIST] [--json | --markdown | --asm]
 *
 * Ends with 1, naming the kernels, where one of the goals below is missed.
 */

const RECIPES = [
  'convnext-t-k7',
  'convnext-t-k13',
  'convnext-t-k31',
  'convnext-t-k51',
  'replknet-31b',
  'deit-s16',
];
/** RDNA 3, RDNA 2, GCN. */
const FAMILIES = ['navi31', 'navi21', 'vega20'];

/** The goals: no spill and no scratch anywhere, and this share of multiply-adds where the step's time goes. */
const LEAST_SHARE = 0.85;
const SHARE_FAMILIES: readonly string[] = ['navi31', 'navi21'];
/** Matrix units wait for copies that share the loop with them, and for bands that are built there. */
const LEAST_MATRIX_SHARE: Readonly<Record<string, number>> = {
  'matmul/matrix.wgsl': 0.7,
  'depthwise/bands.wgsl': 0.6,
  'depthwise/bands-weight.wgsl': 0.6,
};
/** Smaller depthwise kernels are bound by memory. */
const LEAST_TAPS = 13;

/** One kernel on one family. Registers a lane; occupancy in subgroups a SIMD; memory in bytes. */
interface Figures {
  readonly spilledVgprs: number;
  readonly spilledSgprs: number;
  readonly scratch: number;
  readonly vgprs: number;
  readonly occupancy: number;
  readonly lds: number;
  /** Of the vector instructions of the hottest loop, those that multiply and add; null without such a loop. */
  readonly share: number | null;
  readonly loadsPerMultiplyAdd: number | null;
  /** Of a SIMD, by RADV's estimate of the whole program; null without a loop that multiplies. */
  readonly cyclesPerMultiplyAdd: number | null;
  /** Instructions of the matrix units in the hottest loop. */
  readonly matrices: number;
}

interface Row {
  readonly kernel: Kernel;
  readonly figures: ReadonlyMap<string, Figures>;
}

interface Options {
  readonly filter: string;
  readonly recipe: readonly string[];
  readonly set: readonly string[];
  readonly family: string;
  readonly json?: boolean;
  readonly markdown?: boolean;
  readonly asm?: boolean;
}

function figuresOf({ statistics, assembly }: Compiled): Figures {
  const value = (name: string) => defined(statistics.get(name), `RADV's statistic ${name}`);
  const instructions = parseAssembly(assembly);
  const loop = hottestLoop(instructions);
  return {
    spilledVgprs: value('Spilled VGPRs'),
    spilledSgprs: value('Spilled SGPRs'),
    scratch: value('Scratch size'),
    vgprs: value('VGPRs'),
    occupancy: value('Subgroups per SIMD'),
    lds: value('LDS size'),
    share: loop === undefined ? null : loop.multiplying / loop.vector,
    loadsPerMultiplyAdd: loop === undefined ? null : loop.loads / loop.multiplyAdds,
    cyclesPerMultiplyAdd:
      loop === undefined ? null : value('Inverse Throughput') / modelledMultiplyAdds(instructions),
    matrices: loop?.matrices ?? 0,
  };
}

function mustMultiply({ op, shader, k }: Kernel): boolean {
  return k === undefined ? op.startsWith('matmul') && shader.startsWith('matmul/') : k >= LEAST_TAPS;
}

/** What is missed, in words; empty where all goals are met. */
function missedGoals({ kernel, figures }: Row): string[] {
  return [...figures].flatMap(([family, { spilledVgprs, spilledSgprs, scratch, share, matrices }]) => {
    const where = `${kernel.label} (shaders/${kernel.shader}) on ${family}`;
    const missed: string[] = [];
    if (spilledVgprs + spilledSgprs + scratch > 0)
      missed.push(
        `${where} spills ${spilledVgprs} VGPRs and ${spilledSgprs} SGPRs and needs ${scratch} bytes of scratch`,
      );
    const onUnits = kernel.shader in LEAST_MATRIX_SHARE;
    const least = LEAST_MATRIX_SHARE[kernel.shader] ?? LEAST_SHARE;
    if (mustMultiply(kernel) && SHARE_FAMILIES.includes(family) && share !== null && share < least)
      missed.push(`${where}: ${percent(share)} multiply-adds, ${percent(least)} are wanted`);
    // Short inner dimensions leave no loop.
    if (onUnits && share !== null && matrices === 0)
      missed.push(`${where}: its hottest loop does not use the matrix units`);
    return missed;
  });
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

/** The same thing on every family once, else one value a family. */
function across(values: readonly (string | number)[]): string {
  return new Set(values).size === 1 ? String(values[0]) : values.join(' / ');
}

function cells({ figures }: Row): string[] {
  const all = [...figures.values()];
  const each = (show: (row: Figures) => string | number) => across(all.map(show));
  return [
    each(({ share }) => (share === null ? '–' : percent(share))),
    each(({ loadsPerMultiplyAdd: loads }) => (loads === null ? '–' : loads.toFixed(2))),
    each(({ cyclesPerMultiplyAdd: cycles }) => (cycles === null ? '–' : cycles.toFixed(2))),
    each(({ vgprs }) => vgprs),
    each(({ occupancy }) => occupancy),
    each(({ lds }) => lds),
    each((row) => `${row.spilledVgprs}+${row.spilledSgprs}`),
    each(({ scratch }) => scratch),
  ];
}

const HEADER = [
  'kernel',
  'multiply-adds',
  'loads each',
  'cycles each',
  'VGPRs',
  'subgroups',
  'LDS',
  'spilled V+S',
  'scratch',
];

/** Kernels of one op and shader of which the same is to be said are one row. */
function tableOf(rows: readonly Row[]): string[][] {
  const merged = new Map<string, { label: string; count: number; cells: string[] }>();
  for (const row of rows) {
    const line = cells(row);
    const key = [row.kernel.op, row.kernel.shader, row.kernel.k, ...line].join('|');
    const known = merged.get(key);
    merged.set(key, {
      label: known?.label ?? `${row.kernel.label} (${row.kernel.shader.replace(/\.wgsl$/, '')})`,
      count: (known?.count ?? 0) + 1,
      cells: line,
    });
  }
  const lines = [...merged.values()].map(({ label, count, cells }) => [
    count === 1 ? label : `${label} and ${count - 1} more`,
    ...cells,
  ]);
  return [HEADER, ...lines];
}

function textOf(table: readonly string[][]): string {
  const widths = HEADER.map((_, i) => Math.max(...table.map((line) => line[i]?.length ?? 0)));
  const lines = table.map((line) =>
    line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))),
  );
  return lines.map((line) => `${line.join('  ')}\n`).join('');
}

function markdownOf([header = [], ...lines]: readonly string[][]): string {
  const line = (parts: readonly string[]) => `| ${parts.join(' | ')} |\n`;
  return line(header) + line(header.map((_, i) => (i === 0 ? '---' : '---:'))) + lines.map(line).join('');
}

async function report(options: Options): Promise<void> {
  const recipes = options.recipe.length > 0 ? options.recipe : RECIPES;
  const families = options.family.split(',');
  const kernels = (await kernelsOf(recipes, options.set, profileFor(families)))
    .filter(({ label, shader }) => `${label} ${shader}`.includes(options.filter))
    .sort((a, b) => (a.op < b.op ? -1 : Number(a.op > b.op)));
  if (kernels.length === 0)
    throw new FrameworkError(
      'cli/option',
      `No kernel of ${recipes.join(', ')} matches \`${options.filter}\`.`,
      {
        hint: 'Give part of an op’s name, a shape such as 384×1536, or a shader.',
      },
    );
  if (options.asm && kernels.length > 1)
    throw new FrameworkError('cli/option', `--asm prints one kernel, but ${kernels.length} match.`, {
      hint: `Narrow --filter to one of: ${kernels
        .slice(0, 5)
        .map(({ label }) => label)
        .join('; ')}; …`,
    });
  const rows = kernels.map((kernel) => ({ kernel, figures: new Map<string, Figures>() }));
  for (const family of families) {
    process.stderr.write(`${family}: compiling ${kernels.length} kernels\n`);
    const compiled = await compileFor(
      family,
      kernels.map(({ code }) => code),
    );
    compiled.forEach((result, i) => rows[i]?.figures.set(family, figuresOf(result)));
    if (options.asm) process.stdout.write(`${family}\n${compiled[0]?.assembly ?? ''}\n`);
  }
  if (!options.asm) print(rows, families, options);
  const missed = rows.flatMap(missedGoals);
  process.stderr.write(missed.length === 0 ? 'all goals are met\n' : `${missed.length} goals are missed:\n`);
  for (const line of missed) process.stderr.write(`  ${line}\n`);
  if (missed.length > 0) process.exitCode = 1;
}

function print(rows: readonly Row[], families: readonly string[], { json, markdown }: Options): void {
  if (json) {
    for (const { kernel, figures } of rows) {
      const { label, op, shader, k } = kernel;
      process.stdout.write(`${JSON.stringify({ label, op, shader, k, ...Object.fromEntries(figures) })}\n`);
    }
    return;
  }
  process.stdout.write(`Where families differ: ${families.join(' / ')}\n\n`);
  const table = tableOf(rows);
  process.stdout.write(markdown ? markdownOf(table) : textOf(table));
}

const program = new Command('isa')
  .description('what AMD’s compiler makes of every kernel of a training step, without a GPU')
  .option('--filter <text>', 'kernels whose op, shapes or shader contain it', '')
  .option(
    '--recipe <name>',
    `a recipe whose step is compiled; may be given many times (default: ${RECIPES.join(', ')})`,
    collect,
    [],
  )
  .option('--set <key=value>', 'change a value of the recipes; may be given many times', collect, [])
  .option('--family <list>', 'GPUs, by RADV’s names', FAMILIES.join(','))
  .option('--json', 'one line of JSON a kernel')
  .option('--markdown', 'a table in Markdown')
  .option('--asm', 'the assembly of the one kernel that --filter leaves')
  .action(report);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = exitCodeOf(error);
}
