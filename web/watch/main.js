/** Puts the page together, and keeps it up to date where it is served. */

/** Curves of so many runs are drawn unasked. */
const DRAWN_AT_FIRST = 200;

class Page {
  /** @param {Snapshot} snapshot @param {boolean} isLive */
  constructor(snapshot, isLive) {
    this.isLive = isLive;
    /** @type {State} */
    this.state = { runs: [], shown: new Set(), smoothing: 0.8, isLog: false, zoom: undefined };
    /** Id of the run that is shown in detail. */
    this.chosen = 0;
    /** @type {Map<number, { version: number, looks: Looks | undefined }>} */
    this.looks = new Map();
    this.drawing = 0;
    /** Server's clock minus ours, ms. */
    this.ahead = 0;
    /** When the snapshot was made, ms. */
    this.at = snapshot.at;
    this.charts = CHARTS.map((chart) => new ChartView(chart, (zoom) => this.zoom(zoom)));
    this.table = new RunTable(
      this.state,
      () => this.draw(),
      (id) => this.choose(id),
    );
    this.controls();
    this.take(snapshot);
    this.chosen = this.state.runs.findLast(({ state }) => state === 'training')?.id ?? 0;
    this.drawNow();
    if (isLive) this.listen();
  }

  /** @param {Snapshot} snapshot */
  take({ runs, at }) {
    this.ahead = at - Date.now();
    this.at = at;
    const known = new Set(this.state.runs.map(({ id }) => id));
    for (const { id } of runs) if (!known.has(id) && id < DRAWN_AT_FIRST) this.state.shown.add(id);
    this.state.runs = [...runs];
    if (this.isLive) nameThePage(runs);
    const choice = /** @type {HTMLSelectElement} */ (find('#run'));
    replace(
      choice,
      runs.map(({ id, name }) =>
        Object.assign(make('option', { text: visible(name) }), { value: String(id) }),
      ),
    );
    find('#choice').hidden = runs.length < 2;
    // Of several runs, the state of one is a detail.
    if (runs.length > 1) find('#details .controls').after(find('#overview'));
  }

  /** @param {readonly RunChange[]} changes */
  change(changes) {
    const runs = [...this.state.runs];
    for (const change of changes) {
      const old = runs[change.id];
      if (old !== undefined) runs[change.id] = { ...change, points: joined(old.points, change.points) };
    }
    this.state.runs = runs;
    this.draw();
  }

  draw() {
    if (this.drawing === 0) this.drawing = requestAnimationFrame(() => this.drawNow());
  }

  drawNow() {
    this.drawing = 0;
    const { runs } = this.state;
    drawNotes(runs);
    drawTiles(runs[this.chosen], this.now());
    this.table.draw();
    for (const chart of this.charts) chart.draw(this.state);
    this.drawDetails();
  }

  now() {
    return this.isLive ? Date.now() + this.ahead : this.at;
  }

  drawDetails() {
    const run = this.state.runs[this.chosen];
    if (run === undefined) {
      find('#detail').replaceChildren(
        make('p', { class: 'note', text: 'No run yet. One that begins here shows by itself.' }),
      );
      return;
    }
    const choice = /** @type {HTMLSelectElement} */ (find('#run'));
    choice.value = String(run.id);
    const known = this.looks.get(run.id);
    if (this.isLive && known?.version !== run.looksVersion) void this.fetchLooks(run.id, run.looksVersion);
    const looks = run.looks ?? known?.looks;
    const set = /** @type {HTMLSelectElement} */ (find('#set'));
    find('#set-choice').hidden = (looks?.evaluations.length ?? 0) < 2;
    const weights = set.value === 'ema' ? 'ema' : 'raw';
    replace(find('#detail'), detailsOf(run, this.isLive ? (looks ?? { evaluations: [] }) : looks, weights));
  }

  /** @param {number} id @param {number} version */
  async fetchLooks(id, version) {
    this.looks.set(id, { version, looks: this.looks.get(id)?.looks });
    const response = await fetch(`/looks/${id}`).catch(() => undefined);
    if (!response?.ok) return;
    this.looks.set(id, { version, looks: await response.json() });
    this.drawDetails();
  }

  /** @param {readonly [number, number] | undefined} zoom */
  zoom(zoom) {
    this.state.zoom = zoom;
    this.draw();
  }

  /** @param {number} id */
  choose(id) {
    this.chosen = id;
    this.drawNow();
    find('#details').scrollIntoView({ block: 'start' });
  }

  controls() {
    const smoothing = /** @type {HTMLInputElement} */ (find('#smoothing'));
    smoothing.addEventListener('input', () => {
      this.state.smoothing = Number(smoothing.value);
      find('output').textContent = this.state.smoothing.toFixed(2);
      this.draw();
    });
    const log = /** @type {HTMLInputElement} */ (find('#log'));
    log.addEventListener('change', () => {
      this.state.isLog = log.checked;
      this.draw();
    });
    find('#whole').addEventListener('click', () => this.zoom(undefined));
    const choice = /** @type {HTMLSelectElement} */ (find('#run'));
    choice.addEventListener('change', () => {
      this.chosen = Number(choice.value);
      this.drawNow();
    });
    find('#set').addEventListener('change', () => this.drawDetails());
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      forgetPalette();
      this.draw();
    });
  }

  listen() {
    const events = new EventSource('/events');
    /** @param {string} name @param {(data: any) => void} use */
    const on = (name, use) =>
      events.addEventListener(name, (event) => use(JSON.parse(/** @type {MessageEvent} */ (event).data)));
    on('snapshot', (snapshot) => {
      this.take(snapshot);
      this.draw();
    });
    on('change', (changes) => this.change(changes));
    on('figures', (figures) => showFigures(figures));
    const say = (/** @type {string} */ words) => (find('#status').textContent = words);
    events.addEventListener('open', () => say('Live: curves move as the runs go on.'));
    events.addEventListener('error', () =>
      say('The connection is gone: `largekernel watch` has ended or is busy. Trying again.'),
    );
    setInterval(() => drawTiles(this.state.runs[this.chosen], this.now()), 1000);
  }
}

/** @param {readonly RunView[]} runs */
function nameThePage(runs) {
  const [first] = runs;
  const title = first && runs.length === 1 ? visible(first.name) : `${runs.length} runs`;
  find('h1').textContent = title;
  document.title = title;
}

/** Figures for paper. @param {readonly { id: string, svg: string }[]} figures */
function showFigures(figures) {
  for (const { id, svg } of figures) {
    const parsed = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement;
    if (parsed.tagName === 'svg') find(`#figure-${id} .print`).replaceChildren(document.adoptNode(parsed));
  }
}

document.documentElement.classList.add('scripted');
new Page(JSON.parse(find('#snapshot').textContent ?? ''), find('#watch').dataset['live'] === 'true');
