import { shortName } from './bars.ts';
import { GROUND, FIGURE_STYLE, escapeXml, niceTicks, openSvg, seriesClass } from './svg.ts';

/** A point of a curve with its band. */
export interface PlotPoint {
  readonly x: number;
  readonly y: number;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

export interface PlotLine {
  readonly name: string;
  /** Number of its colour: that of its model. */
  readonly colour: number;
  /** Number of its dashes and markers; tells lines apart where there is no colour. Default: that of the colour. */
  readonly mark?: number;
  readonly points: readonly PlotPoint[];
  /** Points alone. */
  readonly isScatter?: boolean;
}

/** A published value. */
export interface PublishedPoint {
  readonly x: number;
  readonly y: number;
  readonly colour: number;
  readonly words: string;
}

export interface PlotChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly lines: readonly PlotLine[];
  readonly published?: readonly PublishedPoint[];
  readonly yMin?: number | undefined;
  readonly yMax?: number | undefined;
  /** Too many points for markers at each. */
  readonly isDense?: boolean;
  /** Factor between ticks of the x axis; default: steps. */
  readonly xScale?: 'linear' | 'log';
}

export const PLOT_WIDTH = 400;
const [LEFT, RIGHT, TOP, HEIGHT, BOTTOM] = [50, 12, 24, 270, 40];
/** Height without a legend. */
export const PLOT_HEIGHT = HEIGHT;
const LEGEND_ROW = 18;
/** Width of a digit in the widest of the usual fonts. */
const DIGIT = 7.2;
const NAME_CHARACTERS = 44;
const DASHES = ['', '7 4', '2 3', '9 3 2 3', '5 2', '12 3'];
/** Markers on a line of many points. */
const FEW = 9;

export type Scale = (value: number) => number;

/** Curves with their bands, a marker and a dash for each, and a legend below: 400 units wide, so that a phone shows it at its size. */
export function plotSvg(chart: PlotChart): string {
  const { title, lines, published = [] } = chart;
  const names = lines.map(({ name }) => rowsOf(name));
  const rowsBefore = (line: number): number => names.slice(0, line).flat().length;
  const height = HEIGHT + 4 + LEGEND_ROW * rowsBefore(lines.length);
  const { x, y, axes } = frame(chart);
  const dots = published.map(
    (p) =>
      `<g class="${seriesClass(p.colour)}"><circle class="ring" cx="${at(x(p.x))}" cy="${at(y(p.y))}" r="5"><title>${escapeXml(p.words)}</title></circle></g>`,
  );
  const legend = lines.map((line, i) =>
    legendEntry(line, names[i] ?? [], HEIGHT + 10 + LEGEND_ROW * rowsBefore(i)),
  );
  const drawn = lines.map((line) => drawLine(line, x, y, chart.isDense === true));
  return `${openSvg({ width: PLOT_WIDTH, height }, title)}${axes}${drawn.join('')}${dots.join('')}${legend.join('')}</svg>`;
}

export const at = (value: number): string => value.toFixed(1);

/** Scales, and axes with their names. */
export function frame(chart: PlotChart): { x: Scale; y: Scale; axes: string } {
  const points = [...chart.lines.flatMap((line) => line.points), ...(chart.published ?? [])];
  const isLog = chart.xScale === 'log';
  const along = (value: number): number => (isLog ? Math.log10(value) : value);
  const xs = points.map((point) => along(point.x));
  const ys = points.flatMap((point) => [
    point.y,
    ...('low' in point ? [point.low ?? point.y, point.high ?? point.y] : []),
  ]);
  const span = extent(xs, undefined, undefined, isLog ? 0.06 : 0.02);
  const range = extent(ys, chart.yMin, chart.yMax, 0.05);
  const x: Scale = (value) =>
    LEFT + ((PLOT_WIDTH - LEFT - RIGHT) * (along(value) - span.min)) / (span.max - span.min);
  const y: Scale = (value) =>
    HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - TOP) * (value - range.min)) / (range.max - range.min);
  const xTicks = isLog ? logTicks(span.min, span.max) : niceTicks(span.min, span.max, 6);
  const xAxis = xTicks.map((tick) => {
    const text = tickText(tick);
    // A long number at the end of the axis must not reach beyond the figure.
    const middle = Math.min(x(tick), PLOT_WIDTH - (DIGIT * text.length) / 2);
    return `<line class="grid" x1="${at(x(tick))}" x2="${at(x(tick))}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/><text x="${at(middle)}" y="${HEIGHT - BOTTOM + 15}" text-anchor="middle">${text}</text>`;
  });
  const yAxis = niceTicks(range.min, range.max, 6).map(
    (tick) =>
      `<line class="grid" x1="${LEFT}" x2="${PLOT_WIDTH - RIGHT}" y1="${at(y(tick))}" y2="${at(y(tick))}"/><text x="${LEFT - 6}" y="${at(y(tick))}" text-anchor="end" dominant-baseline="middle">${tickText(tick)}</text>`,
  );
  const box = `<path class="axis" d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${PLOT_WIDTH - RIGHT}"/>`;
  const names = `<text class="muted" x="4" y="12">${escapeXml(chart.yLabel)}</text><text class="muted" x="${PLOT_WIDTH - RIGHT}" y="${HEIGHT - 8}" text-anchor="end">${escapeXml(chart.xLabel)}</text>`;
  return { x, y, axes: [...xAxis, ...yAxis, box, names].join('') };
}

function extent(values: readonly number[], min?: number, max?: number, margin = 0) {
  const [least, most] = [
    values.reduce((a, b) => Math.min(a, b), Infinity),
    values.reduce((a, b) => Math.max(a, b), -Infinity),
  ];
  const low = min ?? (Number.isFinite(least) ? least : 0);
  const high = max ?? (Number.isFinite(most) ? most : 1);
  const pad = (high - low || 1) * margin;
  return { min: min ?? low - pad, max: max ?? high + pad };
}

/** 1, 2 and 5 of every power of ten between two exponents; where fewer than two of them lie there, steps of equal length. */
function logTicks(from: number, to: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(from); power <= to; power++)
    for (const m of [1, 2, 5]) {
      const tick = m * 10 ** power;
      if (Math.log10(tick) >= from && Math.log10(tick) <= to) ticks.push(tick);
    }
  return ticks.length > 1 ? ticks : niceTicks(10 ** from, 10 ** to, 4);
}

function tickText(tick: number): string {
  return String(Number(tick.toPrecision(6))).replace(/^-/, '−');
}

function drawLine(
  { colour, mark = colour, points, isScatter }: PlotLine,
  x: Scale,
  y: Scale,
  isDense: boolean,
): string {
  const path = points.map((p, i) => `${i === 0 ? 'M' : 'L'}${at(x(p.x))} ${at(y(p.y))}`).join('');
  const dash = DASHES[mark % DASHES.length];
  const dashed = dash === '' || dash === undefined ? '' : ` stroke-dasharray="${dash}"`;
  const step = isDense ? Math.ceil(points.length / FEW) : 1;
  const marked = isDense ? points.filter((_, i) => i % step === Math.floor(step / 2)) : points;
  const markers = marked.map((p) => marker(mark, x(p.x), y(p.y)));
  const line = isScatter === true ? '' : `<path class="line" d="${path}"${dashed}/>`;
  return `<g class="${seriesClass(colour)}">${band(points, x, y)}${line}${markers.join('')}</g>`;
}

function band(points: readonly PlotPoint[], x: Scale, y: Scale): string {
  if (points.length < 2 || points.some(({ low, high }) => low === undefined || high === undefined)) return '';
  const upper = points.map((p) => `${at(x(p.x))} ${at(y(p.high as number))}`);
  const lower = points.map((p) => `${at(x(p.x))} ${at(y(p.low as number))}`).reverse();
  return `<path class="band" d="M${[...upper, ...lower].join('L')}Z"/>`;
}

/** Circle, square, triangle, diamond, triangle downwards, cross. */
export function marker(kind: number, cx: number, cy: number, r = 3.2): string {
  const [l, t, rt, b] = [at(cx - r), at(cy - r), at(cx + r), at(cy + r)];
  switch (kind % 6) {
    case 0:
      return `<circle class="dot" cx="${at(cx)}" cy="${at(cy)}" r="${r}"/>`;
    case 1:
      return `<rect class="dot" x="${l}" y="${t}" width="${2 * r}" height="${2 * r}"/>`;
    case 2:
      return `<path class="dot" d="M${at(cx)} ${t}L${rt} ${b}H${l}Z"/>`;
    case 3:
      return `<path class="dot" d="M${at(cx)} ${at(cy - r - 1)}L${at(cx + r + 1)} ${at(cy)}L${at(cx)} ${at(cy + r + 1)}L${at(cx - r - 1)} ${at(cy)}Z"/>`;
    case 4:
      return `<path class="dot" d="M${at(cx)} ${b}L${rt} ${t}H${l}Z"/>`;
    default:
      return `<path class="line" d="M${l} ${t}L${rt} ${b}M${rt} ${t}L${l} ${b}"/>`;
  }
}

function legendEntry(
  { name, colour, mark = colour, isScatter }: PlotLine,
  rows: readonly string[],
  y: number,
): string {
  const dash = DASHES[mark % DASHES.length];
  const dashed = dash === '' || dash === undefined ? '' : ` stroke-dasharray="${dash}"`;
  const line = isScatter === true ? '' : `<path class="line" d="M${LEFT} ${y}H${LEFT + 34}"${dashed}/>`;
  const words = rows.map(
    (row, i) =>
      `<text x="${LEFT + 42}" y="${y + LEGEND_ROW * i}" dominant-baseline="middle">${escapeXml(row)}<title>${escapeXml(name)}</title></text>`,
  );
  return `<g class="${seriesClass(colour)}">${line}${marker(mark, LEFT + 17, y)}</g>${words.join('')}`;
}

/** A name in the rows that it needs: that of a model and that of its curve part at their comma. */
function rowsOf(name: string): string[] {
  const comma = name.length <= NAME_CHARACTERS ? -1 : name.lastIndexOf(', ');
  const parts = comma < 0 ? [name] : [name.slice(0, comma + 1), name.slice(comma + 2)];
  return parts.map((part) => shortName(part, NAME_CHARACTERS));
}

/** A figure with a title and words, as part of a larger one. */
export interface Panel {
  readonly title: string;
  readonly caption: string;
  readonly svg: string;
}

const TITLE = 26;
const GAP = 16;

/** Figures beside each other, two to a row, as one SVG file with its colours inside; what they show is in its description. */
export function panelsSvg(panels: readonly Panel[]): string {
  const sizes = panels.map(({ svg }) => {
    const [, width = '0', height = '0'] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg) ?? [];
    return { width: Number(width), height: Number(height) };
  });
  const columns = panels.length === 1 ? 1 : 2;
  const wide = Math.max(PLOT_WIDTH, ...sizes.map(({ width }) => width));
  let top = 0;
  let rowHeight = 0;
  const placed = panels.map(({ title, caption, svg }, i) => {
    const { width, height } = sizes[i] ?? { width: 0, height: 0 };
    if (i % columns === 0) {
      top += i === 0 ? GAP / 2 : rowHeight + GAP;
      rowHeight = 0;
    }
    rowHeight = Math.max(rowHeight, height + TITLE);
    const left = GAP / 2 + (i % columns) * (wide + GAP);
    const inner = svg.replace(
      '<svg ',
      `<svg x="${left}" y="${top + TITLE}" width="${width}" height="${height}" `,
    );
    return `<text class="heading" x="${left + 4}" y="${top + 16}">${escapeXml(title)}</text><desc>${escapeXml(caption)}</desc>${inner}`;
  });
  const [width, height] = [columns * wide + (columns - 1) * GAP + GAP, top + rowHeight + GAP / 2];
  return `<svg xmlns="http://www.w3.org/2000/svg" class="figure" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"><style>${FIGURE_STYLE} .heading { font-weight: 600; font-size: 14px; }</style>${GROUND}${placed.join('')}</svg>`;
}
