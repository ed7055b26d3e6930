import { escapeXml, niceTicks, openSvg, seriesClass } from './svg.ts';

/** One model's value. */
export interface BarRow {
  readonly label: string;
  /** Number of its colour. */
  readonly colour: number;
  readonly value: number;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  /** The value as printed. */
  readonly text: string;
  /** A published value of the same model under the same protocol. */
  readonly published?: number | undefined;
  /** A published value alone: an outline in place of a bar. */
  readonly isPublished?: boolean;
}

export interface RowChart {
  readonly title: string;
  readonly rows: readonly BarRow[];
  /** End of the axis; default: the next round number above the data. */
  readonly max?: number;
  /** Stands behind the numbers of the axis. */
  readonly unit?: string;
}

const WIDTH = 360;
const LEFT = 4;
const RIGHT = 58;
const ROW = 36;
const BAR = 11;
const LABEL_CHARACTERS = 46;

/**
 * Horizontal bars, one a row: the name above its bar, the value in a column of its own at the right, the interval as a whisker on the bar,
 * a published value as a ring.
 */
export function rowChart({ title, rows, max, unit = '' }: RowChart): string {
  const data = rows.flatMap(({ value, low, high, published }) => [
    value,
    low ?? value,
    high ?? value,
    published ?? value,
  ]);
  const first = Math.min(0, ...data);
  const last = max ?? Math.max(...data, 1e-9) * 1.05;
  const x = (value: number): number => LEFT + ((WIDTH - LEFT - RIGHT) * (value - first)) / (last - first);
  const bottom = ROW * rows.length + 4;
  const ticks = niceTicks(first, last, 4).map((tick) => {
    const at = x(tick).toFixed(1);
    const words = unit === '' ? `${tick}` : `${tick} ${escapeXml(unit)}`;
    const text = `<text class="muted" x="${at}" y="${bottom + 13}" text-anchor="${tick === first ? 'start' : 'middle'}" font-size="10">${words}</text>`;
    return `<line class="grid" x1="${at}" x2="${at}" y1="0" y2="${bottom}"/>${text}`;
  });
  const drawn = rows.map((row, i) => drawRow(row, ROW * i, x));
  const base = `<line class="axis" x1="${x(0).toFixed(1)}" x2="${x(0).toFixed(1)}" y1="0" y2="${bottom}"/>`;
  return `${openSvg({ width: WIDTH, height: bottom + 18 }, title)}${ticks.join('')}${drawn.join('')}${base}</svg>`;
}

function drawRow(row: BarRow, top: number, x: (value: number) => number): string {
  const { label, colour, value, low, high, text, published } = row;
  const y = top + 18;
  const middle = y + BAR / 2;
  const [from, to] = [Math.min(x(0), x(value)), Math.max(x(0), x(value))];
  const line = (x1: number, x2: number, y1: number, y2: number): string =>
    `<line class="whisker" x1="${x1.toFixed(1)}" x2="${x2.toFixed(1)}" y1="${y1}" y2="${y2}"/>`;
  const cap = (at: number): string => line(at, at, middle - 3, middle + 3);
  const whisker =
    low === undefined || high === undefined
      ? ''
      : line(x(low), x(high), middle, middle) + cap(x(low)) + cap(x(high));
  const ring =
    published === undefined
      ? ''
      : `<circle class="ring" cx="${x(published).toFixed(1)}" cy="${middle}" r="4"><title>published ${published}</title></circle>`;
  return [
    `<text x="${LEFT + 2}" y="${top + 13}">${escapeXml(shortName(label, LABEL_CHARACTERS))}<title>${escapeXml(label)}</title></text>`,
    `<rect class="${row.isPublished ? 'outline' : `fill ${seriesClass(colour)}`}" x="${from.toFixed(1)}" y="${y}" width="${(to - from).toFixed(1)}" height="${BAR}"/>`,
    whisker,
    ring,
    `<text x="${WIDTH - 2}" y="${middle}" text-anchor="end" dominant-baseline="middle" class="value">${escapeXml(text)}</text>`,
  ].join('');
}

/** A long name without its middle. */
export function shortName(name: string, characters = 34): string {
  if (name.length <= characters) return name;
  const end = Math.floor((characters - 1) * 0.4);
  return `${name.slice(0, characters - 1 - end)}…${name.slice(name.length - end)}`;
}
