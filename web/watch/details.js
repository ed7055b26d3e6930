/** One run in detail: where the time goes, what the network sees, what it gets wrong. */

/** Ops that have a line of their own. */
const OPS = 12;

/**
 * @param {RunView} run @param {Looks | undefined} looks @param {'raw' | 'ema'} set which weights
 * @returns {Node[]}
 */
function detailsOf(run, looks, set) {
  const evaluation = looks?.evaluations.find(({ weights }) => weights === set) ?? looks?.evaluations[0];
  const classes = looks?.training?.classes ?? [];
  return [
    ...(looks?.training ? [samplesOf(looks.training)] : []),
    ...(evaluation ? [mistakesOf(evaluation, classes), confusionOf(evaluation, classes)] : []),
    ...(looks?.kernels ? [kernelsOf(looks.kernels)] : []),
    ...(run.evaluations.length > 0 ? [evaluationsOf(run)] : []),
    factsOf(run),
    ...(looks === undefined
      ? [
          make('p', {
            class: 'note',
            text: 'Pictures, confusion and kernel times of this run are not in this file; `largekernel watch` shows them.',
          }),
        ]
      : []),
  ];
}

/** @param {string} title @param {string} note @param {Node[]} content */
function section(title, note, ...content) {
  return make(
    'section',
    {},
    make('h3', { text: title }),
    ...(note ? [make('p', { class: 'note', text: note })] : []),
    ...content,
  );
}

/** @param {readonly string[]} classes @param {number} label */
function className(classes, label) {
  return classes[label] ?? `class ${label}`;
}

/** @param {{ source: string, width: number, height: number }} picture @param {string} words @param {Node[]} caption */
function pictureOf({ source, width, height }, words, ...caption) {
  const image = make('img');
  if (/^data:image\/(png|jpeg);base64,/.test(source)) image.src = source;
  image.width = width;
  image.height = height;
  image.alt = visible(words);
  if (width < 96) image.className = 'pixels';
  return make('figure', {}, image, make('figcaption', {}, ...caption));
}

/** @param {TrainingLook} look */
function samplesOf({ samples, classes }) {
  const pictures = samples.map((sample) => {
    const targets = sample.targets.map(({ label, weight }) => [className(classes, label), weight]);
    const names = targets.flatMap(([name, weight], i) => [
      ...(i > 0 ? [' + '] : []),
      nameOf(String(name)),
      ...(targets.length > 1 ? [` ${percent(Number(weight), 0)}`] : []),
    ]);
    const picture = pictureOf(
      sample,
      targets.map(([name]) => name).join(' and '),
      make('span', {}, ...names),
    );
    picture.title = visible(sample.key);
    return picture;
  });
  return section(
    'What the network sees',
    'The first training images after augmentation and mixing, with their targets.',
    make('div', { class: 'pictures' }, ...pictures),
  );
}

/** @param {EvaluationLook} look @param {readonly string[]} classes */
function mistakesOf({ mistakes, step, weights }, classes) {
  const pictures = mistakes.map((mistake) => {
    const [label, predicted] = [className(classes, mistake.label), className(classes, mistake.predicted)];
    const picture = pictureOf(
      mistake,
      `${label}, taken for ${predicted}`,
      make('b', {}, nameOf(label)),
      make('span', {}, 'taken for ', nameOf(predicted), ` (${percent(mistake.confidence, 0)})`),
    );
    picture.title = visible(`${mistake.key}, loss ${number(mistake.loss, 3)}`);
    return picture;
  });
  const words = `Of the evaluation after step ${integer(step)}, ${weights === 'ema' ? 'averaged' : 'raw'} weights: wrong predictions with the largest loss, and how sure the network was of them.`;
  return section(
    'Worst mistakes',
    mistakes.length === 0 ? `${words} There is none.` : words,
    make('div', { class: 'pictures' }, ...pictures),
  );
}

/** @param {EvaluationLook} look @param {readonly string[]} classes */
function confusionOf({ confusion, pairs, perClass, images }, classes) {
  const names = perClass.map((_, label) => className(classes, label));
  const list = make('ol', { class: 'pairs' });
  for (const { label, predicted, count } of pairs.slice(0, 10)) {
    const of = perClass[label]?.images ?? 0;
    list.append(
      make(
        'li',
        {},
        nameOf(className(classes, label)),
        ' taken for ',
        nameOf(className(classes, predicted)),
        ` (${count} of ${of})`,
      ),
    );
  }
  const weakest = perClass
    .map(({ images: n, correct }, label) => ({ label, share: correct / n, n }))
    .filter(({ n }) => n > 0)
    .sort((a, b) => a.share - b.share)
    .slice(0, 10);
  const worst = make('ol', { class: 'pairs' });
  for (const { label, share, n } of weakest)
    worst.append(make('li', {}, nameOf(className(classes, label)), ` ${percent(share, 1)} of ${n}`));
  const lists = make(
    'div',
    { class: 'columns' },
    make('div', {}, make('h4', { text: 'Commonest confusions' }), list),
    make('div', {}, make('h4', { text: 'Weakest classes' }), worst),
  );
  const table = confusion ? [confusionTable(confusion, names)] : [];
  return section(
    'Confusion',
    `${integer(images)} images${confusion ? '; rows are labels, columns are predictions, in images' : ''}.`,
    ...table,
    lists,
  );
}

/** @param {readonly (readonly number[])[]} counts @param {readonly string[]} names */
function confusionTable(counts, names) {
  const rows = counts.map((row, label) => {
    const all = row.reduce((sum, n) => sum + n, 0);
    const cells = row.map((n, predicted) => {
      const title = `${visible(names[label] ?? '')} → ${visible(names[predicted] ?? '')}: ${n}`;
      const cell = make('td', {
        class: predicted === label ? 'right' : '',
        text: n === 0 ? '' : String(n),
        title,
      });
      const share = all === 0 ? 0 : n / all;
      cell.style.setProperty('--share', `${Math.round(100 * Math.sqrt(share))}%`);
      cell.classList.toggle('strong', share > 0.36);
      return cell;
    });
    return [nameOf(names[label] ?? ''), ...cells];
  });
  const head = ['', ...names.map((name) => make('span', {}, nameOf(name)))];
  return scrolling('Confusion matrix', tableOf('confusion', head, rows));
}

/** @param {string} label @param {Node} content */
function scrolling(label, content) {
  const box = make('div', { class: 'scroll' }, content);
  box.tabIndex = 0;
  box.setAttribute('role', 'region');
  box.setAttribute('aria-label', label);
  return box;
}

/** @param {KernelsLook} look */
function kernelsOf({ ops, ms, steps }) {
  const others = ops.slice(OPS);
  const rest = {
    op: `${others.length} others`,
    direction: '',
    count: others.reduce((n, { count }) => n + count, 0),
    ms: others.reduce((n, each) => n + each.ms, 0),
  };
  const rows = [...ops.slice(0, OPS), ...(others.length > 0 ? [rest] : [])].map((each) => {
    const share = each.ms / (ms || 1);
    const bar = make('span', { class: 'bar' });
    bar.style.setProperty('--share', `${((100 * each.ms) / (ops[0]?.ms || 1)).toFixed(1)}%`);
    const words = make('td', { class: 'words', text: each.direction });
    const cell = make('td', { class: 'share' }, percent(share, 1), bar);
    return [
      each.op,
      words,
      make('td', { class: 'count', text: String(each.count) }),
      each.ms.toFixed(each.ms < 10 ? 2 : 1),
      cell,
    ];
  });
  const table = tableOf('kernels', ['op', '', 'nodes', 'ms', 'share'], rows);
  return section(
    'Where the time goes',
    `Time on the device by op, of the model’s passes and the update: the mean of ${steps} early steps, ${number(ms, 3)} ms each.`,
    scrolling('Time by op', table),
  );
}

/** @param {RunView} run */
function evaluationsOf(run) {
  const rows = run.evaluations
    .toReversed()
    .map((each) => [
      integer(each.step),
      each.weights === 'ema' ? 'averaged' : 'raw',
      percent(each.top1),
      percent(each.top5),
      number(each.loss),
      `${integer(each.count)}${each.skipped > 0 ? ` (${each.skipped} left out)` : ''}`,
    ]);
  const box = scrolling(
    'Evaluations',
    tableOf('', ['step', 'weights', 'top-1', 'top-5', 'loss', 'images'], rows),
  );
  box.classList.add('tall');
  return section('Evaluations', '', box);
}

/** @param {RunView} run */
function factsOf(run) {
  const list = make('dl', { class: 'facts' });
  for (const [name, value] of run.facts)
    list.append(make('dt', { text: name }), make('dd', {}, nameOf(value)));
  return section('About this run', '', list);
}
