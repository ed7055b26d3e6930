/** Charts that can be looked into: canvas by uPlot. */

const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3], [5, 2], [12, 3]];
const COLOURS = 6;
/** More lines than this are thin and have no points. */
const MANY = 24;
/** Values that are read out. */
const READ = 4;

const AXIS_FONT = '12px system-ui, sans-serif';

/**
 * Width of the left axis: its widest number, ticks and gaps, in pixels of the page.
 * @param {uPlot} u @param {string[] | null} values null before the first drawing
 */
function sideFor(u, values) {
  u.ctx.save();
  u.ctx.font = AXIS_FONT;
  const widest = Math.max(0, ...(values ?? []).map((value) => u.ctx.measureText(value).width));
  u.ctx.restore();
  return Math.max(58, Math.ceil(widest) + 16);
}

class ChartView {
  /** @param {Chart} chart @param {(zoom: readonly [number, number] | undefined) => void} onZoom */
  constructor(chart, onZoom) {
    this.chart = chart;
    this.onZoom = onZoom;
    this.figure = find(`#figure-${chart.id}`);
    this.place = find(`#figure-${chart.id} .chart`);
    this.readout = find(`#figure-${chart.id} .readout`);
    this.title = this.figure.querySelector('h3')?.textContent ?? '';
    /** @type {uPlot | undefined} */
    this.plot = undefined;
    /** @type {Curve[]} */
    this.curves = [];
    /** Which lines there are: a plot is made anew where these change. */
    this.made = '';
    /** Steps that are drawn: the same in all charts. @type {[number, number]} */
    this.range = [0, 1];
    this.place.tabIndex = 0;
    this.place.setAttribute('role', 'img');
    this.place.addEventListener('keydown', (event) => this.read(event));
    this.place.addEventListener('blur', () => this.plot?.setCursor({ left: -10, top: -10 }));
    new ResizeObserver(() => this.resize()).observe(this.place);
  }

  /** @param {State} state */
  draw(state) {
    const { chart } = this;
    const runs = state.runs.filter(({ id }) => state.shown.has(id));
    this.range = [...(state.zoom ?? [0, Math.max(1, ...runs.map(({ step }) => step))])];
    this.curves = runs
      .flatMap((run) => chart.curvesOf(run, state))
      .filter(({ y }) => y.some((v) => v !== null));
    const isLog = state.isLog && chart.canBeLog === true;
    const data = aligned(this.curves, isLog);
    this.figure.classList.toggle('empty', this.curves.length === 0);
    const kinds = this.curves.map(({ run, isFaint, isDashed, low }) => [
      run.id,
      isFaint,
      isDashed,
      low !== undefined,
    ]);
    const made = JSON.stringify([kinds, isLog, palette()]);
    if (this.plot === undefined || made !== this.made) {
      this.plot?.destroy();
      this.place.replaceChildren();
      this.plot = new uPlot(this.options(isLog), data, this.place);
      this.made = made;
    } else this.plot.setData(data);
    this.describe();
    this.showValues(this.plot);
  }

  /** @param {boolean} isLog @returns {uPlot.Options} */
  options(isLog) {
    const [ink, rule] = [css('--ink'), css('--rule')];
    const axis = {
      stroke: ink,
      grid: { stroke: rule, width: 1 },
      ticks: { stroke: rule, width: 1 },
      font: AXIS_FONT,
    };
    /** @type {uPlot.Series[]} */
    const series = [{}];
    /** @type {uPlot.Band[]} */
    const bands = [];
    for (const curve of this.curves) {
      const { stroke, fill, dash } = lookOf(curve);
      if (curve.low && curve.high) {
        const edge = { stroke: 'transparent', width: 0, points: { show: false } };
        bands.push({ series: [series.length + 1, series.length], fill });
        series.push({ ...edge }, { ...edge });
      }
      series.push({
        stroke,
        dash,
        width: curve.isFaint ? 1 : this.curves.length > MANY ? 1.25 : 2,
        alpha: curve.isFaint ? 0.35 : 1,
        points: {
          show: curve.hasPoints === true && this.curves.length <= MANY,
          size: 6,
          fill: curve.isDashed ? css('--ground') : stroke,
        },
      });
    }
    return {
      ...this.size(),
      series,
      bands,
      legend: { show: false },
      scales: { x: { time: false, range: () => this.range }, y: isLog ? { distr: 3 } : {} },
      axes: [
        { ...axis, size: 30, space: 60 },
        { ...axis, size: sideFor, values: (_, ticks) => ticks.map((v) => (v === null ? '' : number(v))) },
      ],
      cursor: { sync: { key: 'steps' }, focus: { prox: 24 }, drag: { x: true, y: false, setScale: false } },
      focus: { alpha: this.curves.length > 1 ? 0.3 : 1 },
      padding: [8, 24, 0, 0],
      hooks: {
        setCursor: [(u) => this.showValues(u)],
        setSelect: [
          (u) => {
            const { left, width } = u.select;
            if (width === 0) return;
            u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            this.onZoom([u.posToVal(left, 'x'), u.posToVal(left + width, 'x')]);
          },
        ],
        ready: [(u) => u.over.addEventListener('dblclick', () => this.onZoom(undefined))],
      },
    };
  }

  size() {
    return { width: Math.max(200, this.place.clientWidth), height: 220 };
  }

  resize() {
    if (this.plot && this.plot.width !== this.size().width) this.plot.setSize(this.size());
  }

  /** The values under the cursor, of many runs those next to it; otherwise the latest. @param {uPlot} u */
  showValues(u) {
    const at = u.cursor.idx ?? undefined;
    const lines = this.lines().map(({ curve, column }) => ({
      curve,
      value: at === undefined ? curve.y.findLast((v) => v !== null) : valueNear(u.data[column] ?? [], at),
    }));
    if (at === undefined && lines.length > READ) {
      this.readout.textContent = `${lines.length} lines: point at one to read it`;
      return;
    }
    const target = u.posToVal(u.cursor.top ?? 0, 'y');
    const values = lines.filter(({ value }) => typeof value === 'number');
    /** @param {{ value?: number | null | undefined }} line */
    const distance = ({ value }) => Math.abs((value ?? NaN) - target);
    if (values.length > READ) values.sort((a, b) => distance(a) - distance(b));
    const items = values.slice(0, READ).map(({ curve, value }) => this.reading(curve, value ?? NaN));
    const where = at === undefined ? 'latest' : `step ${integer(u.data[0][at] ?? NaN)}`;
    this.readout.replaceChildren(...(items.length > 0 ? [make('span', { text: where })] : []), ...items);
  }

  /** @param {Curve} curve @param {number} value */
  reading(curve, value) {
    const key = make('span', { class: `key ${colourOf(curve.run)}${curve.isDashed ? ' dashed' : ''}` });
    const number = make('b', { text: this.chart.format(value) });
    return make('span', {}, key, nameOf(curve.run.name, 40), curve.isDashed ? ', averaged ' : ' ', number);
  }

  /** Lines that are read out, with their column of the data. */
  lines() {
    let column = 0;
    return this.curves
      .map((curve) => ({ curve, column: (column += curve.low && curve.high ? 3 : 1) }))
      .filter(({ curve }) => !curve.isFaint);
  }

  /** @param {KeyboardEvent} event */
  read(event) {
    const { plot } = this;
    const moves = /** @type {Record<string, number>} */ ({
      ArrowLeft: -1,
      ArrowRight: 1,
      PageUp: -20,
      PageDown: 20,
      Home: -Infinity,
      End: Infinity,
    });
    const move = moves[event.key];
    if (plot === undefined || move === undefined || plot.data[0].length === 0) return;
    event.preventDefault();
    const last = plot.data[0].length - 1;
    const at = Math.min(last, Math.max(0, (plot.cursor.idx ?? last) + move));
    this.readout.setAttribute('aria-live', 'polite');
    plot.setCursor({
      left: plot.valToPos(/** @type {number} */ (plot.data[0][at]), 'x'),
      top: plot.over.clientHeight / 2,
    });
  }

  describe() {
    const latest = this.lines()
      .slice(0, 6)
      .map(
        ({ curve }) =>
          `${visible(curve.run.name)}${curve.isDashed ? ' averaged' : ''} ${this.chart.format(curve.y.findLast((v) => v !== null) ?? NaN)}`,
      );
    const words = latest.length === 0 ? 'nothing yet' : `latest: ${latest.join('; ')}`;
    this.place.setAttribute('aria-label', `${this.title}, ${words}`);
  }
}

/** A line's value at a column, or at the nearest one before. @param {ArrayLike<number | null | undefined>} column @param {number} at */
function valueNear(column, at) {
  for (let i = at; i >= 0 && i > at - 200; i--) if (column[i] !== undefined) return column[i];
  return undefined;
}

/** @param {{ id: number }} run */
function colourOf(run) {
  return `s${run.id % COLOURS}`;
}

/** @param {Curve} curve */
function lookOf({ run, isDashed }) {
  const stroke = palette()[run.id % COLOURS] ?? '#000';
  const mark = Math.floor(run.id / COLOURS) + (isDashed ? 1 : 0);
  return { stroke, fill: `${stroke}30`, dash: DASHES[mark % DASHES.length] ?? [] };
}

/** @param {string} name */
function css(name, element = document.documentElement) {
  return getComputedStyle(element).getPropertyValue(name).trim();
}

/** The colours of the style sheet, which follow light and dark: read anew when these change. @type {string[]} */
let colours = [];

function palette() {
  if (colours.length === 0)
    colours = Array.from({ length: COLOURS }, (_, i) => {
      const probe = make('i', { class: `s${i}` });
      document.body.append(probe);
      const colour = css('--c', probe);
      probe.remove();
      return colour;
    });
  return colours;
}

function forgetPalette() {
  colours = [];
}
