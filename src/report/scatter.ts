import { shortName } from './bars.ts';
import { at, frame, marker, PLOT_WIDTH, PLOT_HEIGHT, type Scale } from './plot-svg.ts';
import { escapeXml, openSvg, seriesClass } from './svg.ts';

/** A point with its name beside it. */
export interface NamedPoint {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  /** Number of its colour and marker. */
  readonly colour: number;
  /** Drawn as a ring. */
  readonly isPublished?: boolean;
}

export interface ScatterChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly points: readonly NamedPoint[];
}

/** Width of a letter in the widest of the usual fonts. */
const LETTER = 6.3;
const LINE = 12;
const NAME_CHARACTERS = 30;

interface Label {
  readonly point: NamedPoint;
  readonly text: string;
  readonly left: number;
  readonly right: number;
  readonly y: number;
}

/** Points of models on a logarithmic x axis, each with its name; names that would meet are moved apart, with a line to their point. */
export function scatterSvg({ title, points, ...axesOf }: ScatterChart): string {
  const lines = points.map(({ name, colour, ...point }) => ({ name, colour, points: [point] }));
  const { x, y, axes } = frame({ title, ...axesOf, lines, xScale: 'log' });
  const labels = placed(points, x, y);
  const drawn = labels.map(({ point, text, left, right, y: top }) => {
    const [cx, cy] = [x(point.x), y(point.y)];
    const isRight = left > cx;
    const start = isRight ? left - 2 : right + 2;
    const [anchor, end] = isRight ? ['start', left] : ['end', right];
    const leader =
      Math.abs(top - cy) > 3
        ? `<line class="grid" x1="${at(cx)}" y1="${at(cy)}" x2="${at(start)}" y2="${at(top)}"/>`
        : '';
    return `${leader}<text x="${at(end)}" y="${at(top)}" text-anchor="${anchor}" font-size="10" dominant-baseline="middle">${escapeXml(text)}<title>${escapeXml(point.name)}</title></text>`;
  });
  const marks = points.map((point) => {
    const [cx, cy] = [x(point.x), y(point.y)];
    const whisker =
      point.low === undefined || point.high === undefined
        ? ''
        : `<line class="whisker" x1="${at(cx)}" x2="${at(cx)}" y1="${at(y(point.low))}" y2="${at(y(point.high))}"/>`;
    const mark = point.isPublished
      ? `<circle class="ring" cx="${at(cx)}" cy="${at(cy)}" r="4"/>`
      : marker(point.colour, cx, cy, 4);
    return `<g class="${seriesClass(point.colour)}">${whisker}${mark}</g>`;
  });
  return `${openSvg({ width: PLOT_WIDTH, height: PLOT_HEIGHT }, title)}${axes}${drawn.join('')}${marks.join('')}</svg>`;
}

/** Rows that a name may be moved by, nearest first. */
const ROWS = [0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5];

/** Right or left of the point, as near as names, other points and the edges leave room. */
function placed(points: readonly NamedPoint[], x: Scale, y: Scale): Label[] {
  const done: Label[] = [];
  for (const point of [...points].sort((a, b) => y(a.y) - y(b.y))) {
    const text = shortName(point.name, NAME_CHARACTERS);
    const width = text.length * LETTER;
    const candidates = ROWS.flatMap((row) =>
      [x(point.x) + 8, x(point.x) - 8 - width].map((left): Label => ({
        point,
        text,
        left,
        right: left + width,
        y: y(point.y) + row * LINE,
      })),
    );
    const isFree = (label: Label) =>
      label.left > 0 &&
      label.right < PLOT_WIDTH &&
      label.y > LINE / 2 &&
      label.y < PLOT_HEIGHT &&
      !done.some(
        (other) =>
          other.left < label.right + 4 && label.left < other.right + 4 && Math.abs(other.y - label.y) < LINE,
      ) &&
      !points.some(
        (other) =>
          other !== point &&
          x(other.x) + 5 > label.left &&
          x(other.x) - 5 < label.right &&
          Math.abs(y(other.y) - label.y) < 9,
      );
    done.push(candidates.find(isFree) ?? (candidates[0] as Label));
  }
  return done;
}
