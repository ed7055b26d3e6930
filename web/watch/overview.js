/** What stands above the curves: the state of the chosen run, what is wrong, and the table of runs. */

const STATES = {
  waiting: 'starting',
  training: 'training',
  stopped: 'stopped',
  finished: 'finished',
  interrupted: 'interrupted',
  'max-steps': 'stopped at --max-steps',
};

/** The latest evaluation, of averaged weights where there are any. @param {RunView} run */
function latestOf(run) {
  const last = run.evaluations.at(-1);
  return run.evaluations.findLast(({ step, weights }) => step === last?.step && weights === 'ema') ?? last;
}

/** @param {RunView} run */
function bestOf(run) {
  return run.evaluations.reduce(
    (best, each) => (best === undefined || each.top1 > best.top1 ? each : best),
    /** @type {RunView['evaluations'][number] | undefined} */ (undefined),
  );
}

/** @param {RunView} run @param {number} now ms @returns {[string, string, string][]} name, value, addition */
function tilesOf(run, now) {
  const latest = latestOf(run);
  const epoch =
    run.stepsPerEpoch === null
      ? []
      : [`epoch ${Math.max(1, Math.ceil(run.step / run.stepsPerEpoch))} of ${run.epochs}`];
  const of = run.steps === null ? [] : [`of ${integer(run.steps)}`];
  /** @param {number | undefined | null} since */
  const ago = (since) =>
    since === null || since === undefined || !isTraining ? '' : `${duration((now - since) / 1000)} ago`;
  const isTraining = run.state === 'training';
  return [
    ['State', STATES[run.state], isTraining && run.changed !== null ? `last step ${ago(run.changed)}` : ''],
    ['Step', integer(run.step), [...of, ...epoch].join(', ')],
    ['Loss', number(run.loss), ''],
    [
      'Top-1',
      latest ? percent(latest.top1) : '–',
      latest
        ? `${latest.weights === 'ema' ? 'averaged, ' : ''}step ${integer(latest.step)}`
        : 'no evaluation yet',
    ],
    ['Images/s', number(run.imagesPerSecond, 3), ''],
    ['Time left', isTraining ? duration(run.secondsLeft) : '–', isTraining ? 'without evaluations' : ''],
    ['Checkpoint', run.checkpoint ? integer(run.checkpoint.step) : 'none yet', ago(run.checkpoint?.at)],
    ['Learning rate', run.lr === null ? '–' : scientific(run.lr), ''],
    ['Gradient norm', number(run.gradNorm), ''],
  ];
}

/** @param {RunView | undefined} run @param {number} now */
function drawTiles(run, now) {
  const tiles = run ? tilesOf(run, now) : [];
  replace(
    find('#overview .tiles'),
    tiles.map(([name, value, more]) =>
      make(
        'div',
        {},
        make('dt', { text: name }),
        make('dd', { text: value }),
        ...(more ? [make('dd', { class: 'more', text: more })] : []),
      ),
    ),
  );
}

/** @param {readonly RunView[]} runs */
function drawNotes(runs) {
  const items = runs.flatMap((run) =>
    run.notes.map((note) =>
      make('li', {}, ...(runs.length > 1 ? [nameOf(run.name), ': '] : []), visible(note)),
    ),
  );
  find('#notes').hidden = items.length === 0;
  replace(find('#notes ul'), items);
}

/** @type {readonly { name: string, title?: string, value: (run: RunView) => string | number | null | undefined, words: (run: RunView) => string }[]} */
const COLUMNS = [
  { name: 'State', value: (run) => run.state, words: (run) => STATES[run.state] },
  {
    name: 'Step',
    value: (run) => run.step,
    words: (run) => `${integer(run.step)}${run.steps === null ? '' : ` / ${integer(run.steps)}`}`,
  },
  { name: 'Loss', value: (run) => run.loss, words: (run) => number(run.loss) },
  {
    name: 'Top-1',
    title: 'latest evaluation',
    value: (run) => latestOf(run)?.top1,
    words: (run) => percent(latestOf(run)?.top1 ?? NaN),
  },
  {
    name: 'Best',
    title: 'largest top-1 so far',
    value: (run) => bestOf(run)?.top1,
    words: (run) => percent(bestOf(run)?.top1 ?? NaN),
  },
  { name: 'Images/s', value: (run) => run.imagesPerSecond, words: (run) => number(run.imagesPerSecond, 3) },
  { name: 'Left', value: (run) => run.secondsLeft, words: (run) => duration(run.secondsLeft) },
];

/** @typedef {{ by: number, down: boolean, filter: string }} Order */

/** Runs whose names hold all words, in the order asked for. @param {readonly RunView[]} runs @param {Order} order */
function ordered(runs, { by, down, filter }) {
  const words = filter.toLowerCase().split(/\s+/);
  const found = runs.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)));
  const value = COLUMNS[by]?.value;
  if (value === undefined) return down ? found.reverse() : found;
  /** @param {RunView} a @param {RunView} b */
  const compare = (a, b) => {
    const [x, y] = [value(a) ?? null, value(b) ?? null];
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
  };
  return found.sort(compare);
}

/** The table of runs, which is also the legend of the curves. */
class RunTable {
  /** @param {State} state @param {() => void} changed @param {(id: number) => void} choose */
  constructor(state, changed, choose) {
    this.state = state;
    this.changed = changed;
    this.choose = choose;
    /** @type {Map<number, { row: HTMLElement, box: HTMLInputElement, cells: HTMLElement[] }>} */
    this.rows = new Map();
    /** @type {Order} */
    this.order = { by: -1, down: false, filter: '' };
    this.head();
    const filter = /** @type {HTMLInputElement} */ (find('#filter'));
    filter.addEventListener('input', () => {
      this.order.filter = filter.value.trim();
      this.draw();
    });
    find('#all').addEventListener('click', () => this.show(true));
    find('#none').addEventListener('click', () => this.show(false));
  }

  /** Shows or hides the curves of the runs in the table. @param {boolean} isShown */
  show(isShown) {
    for (const { id } of ordered(this.state.runs, this.order)) this.mark(id, isShown);
    this.changed();
  }

  /** @param {number} id @param {boolean} isShown */
  mark(id, isShown) {
    if (isShown) this.state.shown.add(id);
    else this.state.shown.delete(id);
  }

  head() {
    const cells = [{ name: 'Run', title: undefined }, ...COLUMNS].map(({ name, title }, i) => {
      const button = make('button', { class: 'sort', text: name, ...(title && { title }) });
      button.type = 'button';
      const cell = header('col', button);
      button.addEventListener('click', () => {
        const by = i - 1;
        this.order = { ...this.order, by, down: this.order.by === by ? !this.order.down : by > 0 };
        this.draw();
      });
      return cell;
    });
    find('#runs thead tr').replaceChildren(...cells);
  }

  draw() {
    const { runs, shown } = this.state;
    find('#runs').hidden = runs.length < 2;
    document.querySelectorAll('#runs thead th').forEach((cell, i) => {
      if (i - 1 === this.order.by)
        cell.setAttribute('aria-sort', this.order.down ? 'descending' : 'ascending');
      else cell.removeAttribute('aria-sort');
    });
    const list = ordered(runs, this.order);
    const rows = list.map((run) => this.row(run, shown.has(run.id)));
    const body = find('#runs tbody');
    // A row that stays keeps its focus, and a click that has begun on it.
    if (rows.length !== body.children.length || rows.some((row, i) => row !== body.children[i]))
      body.replaceChildren(...rows);
    find('#shown').textContent = `${list.length} of ${runs.length} runs in the table, ${shown.size} drawn`;
  }

  /** The row of a run, brought up to date. @param {RunView} run @param {boolean} isShown */
  row(run, isShown) {
    const known = this.rows.get(run.id) ?? this.makeRow(run);
    this.rows.set(run.id, known);
    known.box.checked = isShown;
    COLUMNS.forEach(({ words }, i) => {
      const cell = known.cells[i];
      const text = words(run);
      if (cell && cell.textContent !== text) cell.textContent = text;
    });
    return known.row;
  }

  /** @param {RunView} run */
  makeRow({ id, name }) {
    const box = make('input');
    box.type = 'checkbox';
    box.setAttribute('aria-label', `Draw ${visible(name)}`);
    box.addEventListener('change', () => {
      this.mark(id, box.checked);
      this.changed();
    });
    const button = make(
      'button',
      { class: 'name' },
      make('span', { class: `swatch ${colourOf({ id })}` }),
      nameOf(name),
    );
    button.type = 'button';
    button.addEventListener('click', () => this.choose(id));
    const cells = COLUMNS.map(() => make('td'));
    const row = make('tr', {}, header('row', make('span', { class: 'run' }, box, button)), ...cells);
    return { row, box, cells };
  }
}
