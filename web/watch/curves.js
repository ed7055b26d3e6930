/** Which lines the charts draw, from the points of runs. */

/** Up to so many runs show their unsmoothed values behind the line. */
const FEW_RUNS = 6;

/**
 * An exponential average that starts without a bias to zero; gaps stay gaps.
 * @param {readonly (number | null)[]} values @param {number} weight of what came before, 0 … 1
 * @returns {(number | null)[]}
 */
function smoothed(values, weight) {
  let [sum, norm] = [0, 0];
  return values.map((value) => {
    if (value === null) return null;
    sum = weight * sum + (1 - weight) * value;
    norm = weight * norm + (1 - weight);
    return sum / norm;
  });
}

/** @param {SeriesName} name @param {boolean} canSmooth @returns {(run: RunView, state: State) => Curve[]} */
function stepCurves(name, canSmooth) {
  return (run, { smoothing, shown }) => {
    const { x, series } = run.points;
    const { y, low, high } = series[name];
    if (!canSmooth || smoothing === 0) return [{ run, x, y, ...(shown.size <= FEW_RUNS && { low, high }) }];
    const line = { run, x, y: smoothed(y, smoothing) };
    if (shown.size > FEW_RUNS) return [line];
    return low === undefined ? [{ run, x, y, isFaint: true }, line] : [{ ...line, low, high }];
  };
}

/** @param {'top1' | 'loss'} value @param {number} factor @returns {(run: RunView) => Curve[]} */
function evaluationCurves(value, factor) {
  return (run) =>
    /** @type {const} */ (['raw', 'ema']).flatMap((weights) => {
      const own = run.evaluations.filter((each) => each.weights === weights);
      if (own.length === 0) return [];
      const y = own.map((each) => (Number.isFinite(each[value]) ? factor * each[value] : null));
      return [{ run, x: own.map(({ step }) => step), y, hasPoints: true, isDashed: weights === 'ema' }];
    });
}

/** @type {readonly Chart[]} */
const CHARTS = [
  { id: 'loss', curvesOf: stepCurves('loss', true), format: (v) => number(v), canBeLog: true },
  { id: 'top1', curvesOf: evaluationCurves('top1', 100), format: (v) => `${v.toFixed(2)} %` },
  { id: 'evaluationLoss', curvesOf: evaluationCurves('loss', 1), format: (v) => number(v), canBeLog: true },
  { id: 'gradNorm', curvesOf: stepCurves('gradNorm', true), format: (v) => number(v), canBeLog: true },
  { id: 'lr', curvesOf: stepCurves('lr', false), format: scientific },
  { id: 'imagesPerSecond', curvesOf: stepCurves('imagesPerSecond', true), format: (v) => number(v, 3) },
];

/**
 * Lines over the steps of all of them. `undefined`: another line's step, drawn across; null: a gap.
 * @param {readonly Curve[]} curves @param {boolean} isLog values that have no logarithm are gaps
 */
function aligned(curves, isLog) {
  const xs = Float64Array.from(new Set(curves.flatMap(({ x }) => x))).sort();
  const index = new Map(Array.from(xs, (x, i) => [x, i]));
  /** @param {readonly number[]} x @param {readonly (number | null)[]} y */
  const spread = (x, y) => {
    /** @type {(number | null | undefined)[]} */
    const all = new Array(xs.length).fill(undefined);
    x.forEach((step, i) => {
      const value = y[i] ?? null;
      all[index.get(step) ?? 0] = isLog && value !== null && value <= 0 ? null : value;
    });
    return all;
  };
  const lines = curves.flatMap(({ x, y, low, high }) =>
    low && high ? [spread(x, low), spread(x, high), spread(x, y)] : [spread(x, y)],
  );
  return /** @type {uPlot.AlignedData} */ ([xs, ...lines]);
}

/**
 * Adds what changed of a run; what is known from some point on is replaced.
 * @param {Points} old @param {Points} fresh @returns {Points}
 */
function joined(old, fresh) {
  if (fresh.from === 0 || fresh.stride !== old.stride) return fresh;
  /** @template T @param {readonly T[]} before @param {readonly T[]} after */
  const join = (before, after) => [...before.slice(0, fresh.from), ...after];
  const names = /** @type {SeriesName[]} */ (Object.keys(fresh.series));
  const series = Object.fromEntries(
    names.map((name) => {
      const [before, after] = [old.series[name], fresh.series[name]];
      const bands = after.low &&
        after.high && { low: join(before.low ?? [], after.low), high: join(before.high ?? [], after.high) };
      return [name, { y: join(before.y, after.y), ...bands }];
    }),
  );
  return {
    from: 0,
    stride: fresh.stride,
    x: join(old.x, fresh.x),
    series: /** @type {Points['series']} */ (series),
  };
}
