/** The figure of a sweep: for each point the mean of each set of weights with its interval, single seeds beside, published values. */
import { escapeXml, FIGURE_STYLE, GROUND, niceTicks, seriesClass } from '../report/svg.ts';
import type { MetricTable, Row } from './results.ts';

export interface Plot {
  readonly title: string;
  readonly xLabel: string;
  readonly points: readonly string[];
  readonly table: MetricTable;
}

const HEIGHT = 340;
const TOP = 40;
const BOTTOM = 56;
const LEFT = 64;
const RIGHT = 14;
/** Least width of a point's place, and of one set of weights in it; a number of two decimals fits beside its mark. */
const PLACE = 96;
const LANE = 62;
const MARK = 7;
const SINGLE_SEEDS = 'single seeds';
/** Room for a letter of the legend. */
const LETTER = 6.6;

/** What the figure shows, in the order of its lanes. */
export function seriesOf({ rows }: MetricTable): string[] {
  const weights = (['raw', 'ema'] as const).filter((kind) => rows.some((row) => row.weights === kind));
  return [...weights, ...(rows.some(({ paper }) => paper !== undefined) ? ['published'] : [])];
}

/** An SVG file of its own. */
export function plotSvg({ title, xLabel, points, table }: Plot): string {
  const { info, rows } = table;
  const series = seriesOf(table);
  const own = rows.filter((row) => series.includes(row.weights));
  const legend = legendOf(series, own);
  const least = points.length * Math.max(PLACE, series.length * LANE + 24);
  const width = LEFT + Math.max(least, legend.width) + RIGHT;
  const place = (width - LEFT - RIGHT) / points.length;
  const [min, max] = rangeOf(own, info.unit === '%' ? [0, 100] : [-Infinity, Infinity]);
  const y = (value: number) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * (value - min)) / (max - min);
  const marks = points.map((label, p) => {
    const centre = LEFT + (p + 0.5) * place;
    const lanes = series.map((name, s) => {
      const x = centre + (s - (series.length - 1) / 2) * LANE - LANE / 4;
      return laneOf(
        name,
        s,
        own.filter((row) => row.point === label),
        x,
        y,
        [min, max],
      );
    });
    const tick = `<text x="${centre}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${escapeXml(label)}</text>`;
    return lanes.join('') + tick;
  });
  const yLabel = `${info.label}${info.unit === '' ? '' : `, ${info.unit}`}`;
  const name = escapeXml(title);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="figure" viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label="${name}">`,
    `<style>${FIGURE_STYLE}</style><title>${name}</title>${GROUND}`,
    ...gridOf(min, max, y, width),
    `<text class="axis-title" x="16" y="${(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" transform="rotate(-90 16 ${(TOP + HEIGHT - BOTTOM) / 2})">${escapeXml(yLabel)}</text>`,
    `<text class="axis-title" x="${(LEFT + width - RIGHT) / 2}" y="${HEIGHT - 10}" text-anchor="middle">${escapeXml(xLabel)}</text>`,
    legend.svg,
    ...marks,
    '</svg>',
  ].join('');
}

/** Everything that is drawn lies between; a share of two decimals is still told apart. */
function rangeOf(rows: readonly Row[], [least, most]: readonly [number, number]): [number, number] {
  const drawn = rows.flatMap(({ sample: { values, mean, low, high }, paper }) =>
    [...values, mean, low, high, paper?.value].filter((value) => value !== undefined),
  );
  const [low, high] = [Math.min(...drawn), Math.max(...drawn)];
  const margin = Math.max(0.06 * (high - low), 0.02 * Math.abs(high), 1e-6);
  return [Math.max(least, low - margin), Math.min(most, high + margin)];
}

function laneOf(
  name: string,
  series: number,
  rows: readonly Row[],
  x: number,
  y: (value: number) => number,
  range: readonly [number, number],
): string {
  const published = rows.find(({ paper }) => paper !== undefined)?.paper;
  const row = rows.find(({ weights }) => weights === name);
  const value = name === 'published' ? published?.value : row?.sample.mean;
  if (value === undefined) return '';
  const at = y(value).toFixed(1);
  const text = `<text class="value" x="${x + MARK + 3}" y="${at}" dominant-baseline="middle" font-size="11">${value.toFixed(2)}</text>`;
  if (row === undefined) return markOf(name, series, x, Number(at)) + text;
  const { values, low, high } = row.sample;
  const seeds =
    values.length < 2
      ? ''
      : values
          .map(
            (one) =>
              `<circle class="seed fill ${seriesClass(series)}" cx="${x - MARK - 4}" cy="${y(one).toFixed(1)}" r="2.5"/>`,
          )
          .join('');
  return (
    (low === undefined || high === undefined ? '' : whiskerOf(x, low, high, y, range)) +
    seeds +
    markOf(name, series, x, Number(at)) +
    text
  );
}

/** An interval; where it leaves the range of the measure it is cut there and has no bar at that end. */
function whiskerOf(
  x: number,
  low: number,
  high: number,
  y: (value: number) => number,
  [min, max]: readonly [number, number],
): string {
  const [bottom, top] = [y(Math.max(low, min)).toFixed(1), y(Math.min(high, max)).toFixed(1)];
  const cap = (at: string) => `M${x - 4} ${at}h8`;
  const path = `M${x} ${bottom}V${top}${low < min ? '' : cap(bottom)}${high > max ? '' : cap(top)}`;
  return `<path class="whisker" fill="none" d="${path}"/>`;
}

/** A square for raw, a circle for averaged weights, a diamond for what was published. */
function markOf(name: string, series: number, x: number, y: number): string {
  const shape = `class="fill ${seriesClass(series)}"`;
  if (name === 'ema') return `<circle ${shape} cx="${x}" cy="${y}" r="${MARK / 2 + 0.5}"/>`;
  const turn = name === 'published' ? ` transform="rotate(45 ${x} ${y})"` : '';
  return `<rect ${shape} x="${x - MARK / 2}" y="${y - MARK / 2}" width="${MARK}" height="${MARK}"${turn}/>`;
}

function gridOf(min: number, max: number, y: (value: number) => number, width: number): string[] {
  const lines = niceTicks(min, max, 7).map((tick) => {
    const at = y(tick).toFixed(1);
    return `<line class="grid" x1="${LEFT}" x2="${width - RIGHT}" y1="${at}" y2="${at}"/><text x="${LEFT - 8}" y="${at}" text-anchor="end" dominant-baseline="middle">${tick}</text>`;
  });
  const frame = `<path class="axis" d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${width - RIGHT}"/>`;
  return [...lines, frame];
}

function legendOf(series: readonly string[], rows: readonly Row[]): { svg: string; width: number } {
  const names: Record<string, string> = { raw: 'raw weights', ema: 'averaged weights (EMA)' };
  const hasSeeds = rows.some(({ sample }) => sample.values.length > 1);
  const hasIntervals = rows.some(({ sample }) => sample.low !== undefined);
  let x = LEFT + 8;
  const put = (mark: (x: number) => string, text: string) => {
    const entry = `${mark(x)}<text x="${x + 10}" y="18" dominant-baseline="middle">${text}</text>`;
    x += 10 + text.length * LETTER + 22;
    return entry;
  };
  const swatch = (name: string, s: number) => (at: number) =>
    markOf(name, s, at, 18).replace('class="fill ', 'class="key fill ');
  const entries = series.map((name, s) => put(swatch(name, s), names[name] ?? name));
  if (hasSeeds)
    entries.push(put((at) => `<circle cx="${at}" cy="18" r="2.5" fill="currentColor"/>`, SINGLE_SEEDS));
  if (hasIntervals)
    entries.push(
      put(
        (at) => `<path class="axis" d="M${at} 11v14M${at - 4} 11h8M${at - 4} 25h8"/>`,
        '95 % interval of the mean',
      ),
    );
  return { svg: `<g class="legend">${entries.join('')}</g>`, width: x - LEFT };
}
