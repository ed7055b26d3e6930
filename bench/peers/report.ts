import { percentile, spread } from '../../src/bench/times.ts';
import type { Command } from './process.ts';

/** One peer at one case, as a line of `--json`. */
export interface Row {
  readonly case: string;
  readonly adapter: string;
  readonly peer: string;
  readonly kind: Command['kind'];
  readonly runsOn?: string | undefined;
  readonly medianMs?: number;
  readonly minMs?: number;
  /** Of the middle half of the runs, over the median. */
  readonly spread?: number;
  readonly runs?: number;
  /** Runs among them during which other programs used more than half a core, time and again. */
  readonly disturbed?: number;
  /** From the case to the end of the first run: compiling and uploading. */
  readonly firstMs?: number | undefined;
  /** Against PyTorch, or the float64 reference where there is no PyTorch. */
  readonly nmse?: number | undefined;
  /** Median of this peer over the median of largekernel. */
  readonly ratio?: number;
  /** Why there is no time. */
  readonly failed?: string | undefined;
}

export interface Measured {
  readonly command: Command;
  times: number[];
  disturbed: number;
  runsOn?: string | undefined;
  firstMs?: number | undefined;
  nmse?: number | undefined;
  failed?: string | undefined;
}

const round = (value: number): number => Number(value.toPrecision(4));

export function summarise(label: string, adapter: string, peers: readonly Measured[]): Row[] {
  const ours = peers.find(({ command, failed }) => command.kind === 'ours' && failed === undefined);
  const ourMs = ours === undefined ? undefined : percentile(ours.times, 0.5);
  return peers.map(({ command, times, disturbed, runsOn, firstMs, nmse, failed }): Row => {
    const head = { case: label, adapter, peer: command.name, kind: command.kind, runsOn };
    if (failed !== undefined || times.length === 0) return { ...head, failed: failed ?? 'was not timed' };
    const medianMs = percentile(times, 0.5);
    return {
      ...head,
      medianMs: round(medianMs),
      minMs: round(percentile(times, 0)),
      spread: round(spread(times)),
      runs: times.length,
      disturbed,
      firstMs: firstMs === undefined ? undefined : round(firstMs),
      nmse: nmse === undefined ? undefined : Number(nmse.toExponential(1)),
      ...(ourMs !== undefined && { ratio: round(medianMs / ourMs) }),
    };
  });
}

function show(row: Row | undefined): string {
  if (row?.medianMs === undefined) return '–';
  const ms = (value = NaN): string => (value < 100 ? value.toPrecision(3) : value.toFixed(0));
  const ratio = row.kind === 'ours' || row.ratio === undefined ? '' : `, ${row.ratio.toPrecision(2)}×`;
  return `${ms(row.medianMs)} (${ms(row.minMs)}${ratio})`;
}

function best(rows: readonly Row[], kind: Row['kind']): string {
  const ratios = rows.flatMap((row) => (row.kind === kind && row.ratio !== undefined ? [row.ratio] : []));
  return ratios.length === 0 ? '–' : `${Math.min(...ratios).toPrecision(3)}×`;
}

/** A Markdown table: median ms (least, ratio to largekernel) of each peer, and the ratio of the best of each kind. */
export function printTable(rows: readonly Row[]): void {
  const peers = [...new Set(rows.map(({ peer }) => peer))];
  const cases = [...new Set(rows.map((row) => row.case))];
  const lines = [
    ['case', ...peers, 'best WebGPU peer / ours', 'best PyTorch / ours'],
    ...cases.map((label) => {
      const mine = rows.filter((row) => row.case === label);
      const cells = peers.map((peer) => show(mine.find((row) => row.peer === peer)));
      return [label, ...cells, best(mine, 'webgpu'), best(mine, 'pytorch')];
    }),
  ];
  const out = (text: string): void => void process.stdout.write(`${text}\n`);
  lines.forEach((cells, i) => {
    out(`| ${cells.join(' | ')} |`);
    if (i === 0) out(`|${' --- |'.repeat(cells.length)}`);
  });
  out('\nMilliseconds: median (least, median over that of largekernel).');
  const total = (key: 'runs' | 'disturbed'): number => rows.reduce((sum, row) => sum + (row[key] ?? 0), 0);
  out(`Other programs took part of the processor during ${total('disturbed')} of ${total('runs')} runs.`);
  for (const peer of peers) {
    const mine = rows.filter((row) => row.peer === peer);
    const runsOn = mine.find((row) => row.runsOn !== undefined)?.runsOn;
    const nmse = mine.flatMap((row) => row.nmse ?? []);
    const worst = nmse.length === 0 ? '' : `; worst NMSE ${Math.max(...nmse).toExponential(1)}`;
    out(`${peer}: ${runsOn ?? 'did not start'}${worst}`);
    for (const reason of new Set(mine.flatMap((row) => row.failed ?? [])))
      out(
        `  ${reason}: ${mine
          .filter((row) => row.failed === reason)
          .map((row) => row.case)
          .join('; ')}`,
      );
  }
}
