/** Figures as SVG text: no scripts, no fonts of their own, colours by class so that a page can follow light and dark. */

export interface Bar {
  readonly value: number;
  readonly low?: number;
  readonly high?: number;
}

export interface BarChart {
  readonly title: string;
  readonly yLabel: string;
  /** One group per entry, one bar per series; undefined leaves a gap. */
  readonly groups: readonly { readonly label: string; readonly bars: readonly (Bar | undefined)[] }[];
  readonly series: readonly string[];
  /** Number of each series' colour; default its place. */
  readonly colours?: readonly number[];
  /** Default: the next round number above the data. */
  readonly yMax?: number;
}

/** A point with its interval. */
export interface LinePoint {
  readonly x: number;
  readonly y: number;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

export interface LineChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly {
    readonly name: string;
    /** Number of its colour; default its place. */
    readonly colour?: number;
    readonly points: readonly LinePoint[];
  }[];
  readonly yMin?: number;
  readonly yMax?: number;
  readonly width?: number;
  readonly height?: number;
}

/** Okabe & Ito's colours, which colour-blind readers can tell apart; lighter on dark ground. */
const LIGHT = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#d55e00', '#56b4e9'];
const DARK = ['#4aa8e0', '#f2b632', '#2cc79a', '#e6a3c6', '#f08a4b', '#8fd0f5'];
const COLOURS = LIGHT.length;

/** The rules of each series. Colours are written out as well as named: viewers of SVG files know no variables. */
function seriesStyle(colours: readonly string[]): string {
  return colours
    .map(
      (c, i) =>
        `.s${i} { --c: ${c} } .fill.s${i} { fill: ${c} } .s${i} .line { stroke: ${c} } .s${i} .band { fill: ${c} } .s${i} .dot { fill: ${c}; stroke: ${c} }`,
    )
    .join('\n');
}

export const FIGURE_STYLE = `
.figure { font: 12px system-ui, sans-serif; color: #1b1f24; }
.figure text { fill: currentColor; }
.figure .muted { opacity: .7; }
.figure .axis { stroke: currentColor; stroke-width: 1; fill: none; }
.figure .grid { stroke: currentColor; stroke-opacity: .15; stroke-width: 1; }
.figure .whisker { stroke: currentColor; stroke-width: 1.25; }
.figure .line { fill: none; stroke-width: 2; }
.figure .band { fill-opacity: .18; stroke: none; }
.figure .ring { fill: #fff; stroke: #1b1f24; stroke-width: 1.5; }
.figure .outline { fill: none; stroke: currentColor; stroke-width: 1.25; }
.figure .value { font-variant-numeric: tabular-nums; font-weight: 600; }
.figure .ground { fill: #fff; }
${seriesStyle(LIGHT)}
@media (prefers-color-scheme: dark) {
  .figure { color: #e6edf3; }
  .figure .ground { fill: #0d1117; }
${seriesStyle(DARK)}
}
@media print { .figure { color: #000; } .figure .ground { fill: #fff; } }
`;

export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

export function seriesClass(index: number): string {
  return `s${index % COLOURS}`;
}

/** Below a figure that stands alone: viewers put their own colour there, which need not go with the ink. */
export const GROUND = '<rect class="ground" width="100%" height="100%"/>';

/** A file of its own: the figure with its colours inside. */
export function standaloneSvg(figure: string): string {
  return figure.replace(/(<svg[^>]*>)/, `$1<style>${FIGURE_STYLE}</style>${GROUND}`);
}

/** Steps of 1, 2 or 5 times a power of ten: about `count` of them up to `max`. */
export function niceTicks(min: number, max: number, count = 5): number[] {
  const range = max - min || 1;
  const power = 10 ** Math.floor(Math.log10(range / count));
  const step = ([1, 2, 5, 10].find((m) => range / (m * power) <= count) ?? 10) * power;
  const ticks: number[] = [];
  for (let i = Math.ceil(min / step - 1e-9); i * step <= max + step * 1e-9; i++)
    ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

function yScale(frame: Frame, min: number, max: number): (value: number) => number {
  const span = frame.height - frame.top - frame.bottom;
  return (value) => frame.top + span * (1 - (value - min) / (max - min || 1));
}

function yAxis(frame: Frame, ticks: readonly number[], y: (value: number) => number, label: string): string {
  const lines = ticks.map((tick) => {
    const at = y(tick).toFixed(1);
    const text = `<text x="${frame.left - 6}" y="${at}" text-anchor="end" dominant-baseline="middle">${tick}</text>`;
    return `<line class="grid" x1="${frame.left}" x2="${frame.width - frame.right}" y1="${at}" y2="${at}"/>${text}`;
  });
  return `${lines.join('')}<text class="muted" x="2" y="12">${escapeXml(label)}</text>`;
}

/** The opening tag of a figure. */
export function openSvg({ width, height }: Pick<Frame, 'width' | 'height'>, title: string): string {
  const name = escapeXml(title);
  return `<svg xmlns="http://www.w3.org/2000/svg" class="figure" viewBox="0 0 ${width} ${height}" role="img" aria-label="${name}"><title>${name}</title>`;
}

/** Groups of bars with their intervals as whiskers. */
export function barChart({ title, yLabel, groups, series, colours, yMax }: BarChart): string {
  const barWidth = 26;
  const groupWidth = Math.max(70, series.length * (barWidth + 4) + 24);
  const frame = {
    width: 50 + groups.length * groupWidth + 10,
    height: 260,
    left: 44,
    top: 26,
    right: 6,
    bottom: 30,
  };
  const ends = groups.flatMap(({ bars }) => bars.map((bar) => bar?.high ?? bar?.value ?? 0));
  const ticks = niceTicks(0, yMax ?? Math.max(...ends, 1e-9) * 1.08);
  const y = yScale(frame, 0, yMax ?? Math.max(...ends, 1e-9) * 1.08);
  const bars = groups.map((group, g) => {
    const start = frame.left + g * groupWidth + (groupWidth - series.length * (barWidth + 4)) / 2;
    const drawn = group.bars.map((bar, s) =>
      bar ? drawBar(bar, start + s * (barWidth + 4), barWidth, y, colours?.[s] ?? s) : '',
    );
    const centre = frame.left + (g + 0.5) * groupWidth;
    const label = `<text x="${centre}" y="${frame.height - 10}" text-anchor="middle">${escapeXml(group.label)}</text>`;
    return drawn.join('') + label;
  });
  const base = `<line class="axis" x1="${frame.left}" x2="${frame.width - frame.right}" y1="${y(0)}" y2="${y(0)}"/>`;
  return `${openSvg(frame, title)}${yAxis(frame, ticks, y, yLabel)}${bars.join('')}${base}</svg>`;
}

function drawBar(bar: Bar, x: number, width: number, y: (value: number) => number, series: number): string {
  const top = y(bar.value);
  const rect = `<rect class="fill ${seriesClass(series)}" x="${x}" y="${top.toFixed(1)}" width="${width}" height="${(y(0) - top).toFixed(1)}"/>`;
  const middle = x + width / 2;
  const whisker =
    bar.low === undefined || bar.high === undefined
      ? ''
      : `<line class="whisker" x1="${middle}" x2="${middle}" y1="${y(bar.low).toFixed(1)}" y2="${y(bar.high).toFixed(1)}"/>`;
  const above = Math.min(top, bar.high === undefined ? top : y(bar.high)) - 4;
  const value = `<text x="${middle}" y="${above.toFixed(1)}" text-anchor="middle" font-size="10">${bar.value.toFixed(1)}</text>`;
  return rect + whisker + value;
}

/** The intervals along a line as an area; nothing where a point has none. */
function band(points: readonly LinePoint[], x: (v: number) => number, y: (v: number) => number): string {
  const at = (px: number, value: number | undefined): string =>
    `${x(px).toFixed(1)} ${y(value ?? 0).toFixed(1)}`;
  if (points.length < 2 || points.some(({ low, high }) => low === undefined || high === undefined)) return '';
  const upper = points.map((p) => at(p.x, p.high));
  const lower = points.map((p) => at(p.x, p.low)).reverse();
  return `<path class="band" d="M${[...upper, ...lower].join('L')}Z"/>`;
}

/** Lines with dots, and their intervals as bands; the x axis shows every x that occurs. */
export function lineChart(chart: LineChart): string {
  const { title, xLabel, yLabel, series, width = 240, height = 170 } = chart;
  const frame = { width, height, left: 38, top: 24, right: 10, bottom: 32 };
  const points = series.flatMap((s) => s.points);
  const xs = [...new Set(points.map(({ x: at }) => at))].sort((a, b) => a - b);
  const [first = 0, last = 1] = [xs[0], xs.at(-1)];
  const yMin = chart.yMin ?? Math.min(0, ...points.map(({ y: value }) => value));
  const yMax = chart.yMax ?? Math.max(...points.map(({ y: value }) => value), 1e-9);
  const y = yScale(frame, yMin, yMax);
  const span = width - frame.left - frame.right - 12;
  const x = (value: number): number => frame.left + 6 + (span * (value - first)) / (last - first || 1);
  const labels = xs.map(
    (v) => `<text x="${x(v).toFixed(1)}" y="${height - 18}" text-anchor="middle">${v}</text>`,
  );
  const lines = series.map(({ points: own, colour }, place) => {
    const s = colour ?? place;
    const path = own
      .map((p, i) => `${i === 0 ? 'M' : 'L'}${x(p.x).toFixed(1)} ${y(p.y).toFixed(1)}`)
      .join('');
    // After six colours they start again with dashes.
    const dash = s < COLOURS ? '' : ' stroke-dasharray="5 3"';
    const dots = own.map(
      (p) => `<circle class="dot" cx="${x(p.x).toFixed(1)}" cy="${y(p.y).toFixed(1)}" r="2"/>`,
    );
    return `<g class="${seriesClass(s)}">${band(own, x, y)}<path class="line" d="${path}"${dash}/>${dots.join('')}</g>`;
  });
  const axis = `<line class="axis" x1="${frame.left}" x2="${width - frame.right}" y1="${y(yMin).toFixed(1)}" y2="${y(yMin).toFixed(1)}"/>`;
  const xName = `<text class="muted" x="${width - frame.right}" y="${height - 4}" text-anchor="end">${escapeXml(xLabel)}</text>`;
  const body = [yAxis(frame, niceTicks(yMin, yMax, 4), y, yLabel), axis, ...labels, xName, ...lines].join('');
  return `${openSvg(frame, title)}${body}</svg>`;
}
