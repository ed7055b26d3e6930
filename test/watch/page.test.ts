import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunWatch } from '../../src/watch/run-watch.ts';
import { headOf, pointsFor } from '../../src/watch/view.ts';
import type { MetricsRecord } from '../../src/training/log/metrics-log.ts';
import { savedSnapshot, readRuns } from '../../src/watch/saved.ts';
import { scriptJson, watchPage } from '../../src/watch/page.ts';
import { Browser, CHROMIUM, NO_CHROMIUM } from '../browser/chromium.ts';
import { makeLooks, makeRun, step, temporary } from './runs.ts';

/** Names as they should not be: a script, quotes, a line's end, a mark that turns the text around. */
const HOSTILE = [
  '<img src=x onerror=hit()>',
  '"\'onclick=hit()',
  'new\nline',
  'rtl\u202egnp.exe',
  '&lt;b&gt;',
];
const CLASSES = ['<script>hit()</script>', '</script><script>hit()//\u2028'];

async function fileOf(root: string, more = ''): Promise<string> {
  const path = join(root, 'page.html');
  const snapshot = savedSnapshot(await readRuns([root]));
  writeFileSync(path, watchPage({ title: HOSTILE[0] ?? '', snapshot, isLive: false, more }).html);
  return pathToFileURL(path).href;
}

describe('data in a script element', () => {
  it('neither end it nor a line', () => {
    const value = ['</script>', '<!--', '\u2028\u2029', '&amp;'];
    expect(scriptJson(value)).not.toMatch(/[<>&\u2028\u2029]/);
    expect(JSON.parse(scriptJson(value))).toEqual(value);
  });
});

describe.skipIf(CHROMIUM === undefined)(
  `the page in Chromium (skipped where there is ${NO_CHROMIUM})`,
  () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await Browser.open();
    });
    afterAll(() => browser.close());

    const open = async (url: string, view = { width: 1280, height: 900 }) => {
      browser.log.length = 0;
      await browser.look(view);
      await browser.go(url);
    };
    const texts = (selector: string) =>
      browser.value<string[]>(
        `[...document.querySelectorAll(${JSON.stringify(selector)})].map((e) => e.textContent)`,
      );

    it('shows hostile names as text, runs nothing of them, and fits every screen', async () => {
      const root = temporary();
      for (const name of HOSTILE) makeRun(root, name, 300);
      await makeLooks(join(root, HOSTILE[0]!), CLASSES, '"><script>hit()</script>');
      await open(await fileOf(root));
      expect(browser.log).toEqual([]);
      expect(await browser.value('typeof hit')).toBe('undefined');
      expect(await texts('h1')).toEqual([HOSTILE[0]]);
      const shown = HOSTILE.map((name) => name.replace(/[\n\u202e]/g, '\ufffd')).sort();
      expect((await texts('#runs tbody th bdi')).sort()).toEqual(shown);
      await browser.value(`(() => { const run = document.querySelector('#run'); run.value = [...run.options].find((o) => o.text === ${JSON.stringify(HOSTILE[0])}).value; run.dispatchEvent(new Event('change')); })()`); // prettier-ignore
      expect(await texts('.confusion tbody th')).toEqual(
        CLASSES.map((name) => name.replace('\u2028', '\ufffd')),
      );
      expect(await browser.value('document.scripts.length')).toBe(2);
      for (const width of [375, 768, 1280]) {
        await browser.look({ width, height: 800 });
        expect(await browser.value('document.documentElement.scrollWidth')).toBe(width);
      }
    });

    it('has names for all that is used, and reads curves by the keyboard', async () => {
      const root = temporary();
      makeRun(root, 'a', 300);
      await makeLooks(join(root, 'a'), ['cat', 'dog']);
      await open(await fileOf(root));
      const nameless = `[...document.querySelectorAll('button, input, select, [role=img], [role=region], img')].filter((e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.length || e.alt)).map((e) => e.outerHTML)`;
      expect(await browser.value(nameless)).toEqual([]);
      expect(await browser.value("document.querySelector('#figure-loss .chart').ariaLabel")).toMatch(
        /^Training loss, latest: a 0\.\d/,
      );
      await browser.value("document.querySelector('#figure-lr .chart').focus()");
      for (const key of ['End', 'ArrowLeft']) for (const type of ['keyDown', 'keyUp']) await browser.send('Input.dispatchKeyEvent', { type, key }); // prettier-ignore
      expect(await texts('#figure-lr .readout')).toEqual(['step 299a 1e−3']);
    });

    it('shows curves on screen and figures on paper', async () => {
      const root = temporary();
      makeRun(root, 'a', 300);
      await open(await fileOf(root));
      const visible = () =>
      browser.value<boolean[]>("['.chart', '.print'].map((s) => document.querySelector(`#figure-loss ${s}`).getClientRects().length > 0)"); // prettier-ignore
      expect(await visible()).toEqual([true, false]);
      await browser.look({ width: 794, height: 1100, media: 'print' });
      expect(await visible()).toEqual([false, true]);
      const ink =
        "new Set(new Uint32Array(document.querySelector('#figure-loss canvas').getContext('2d').getImageData(0, 0, 300, 200).data.buffer)).size";
      expect(await browser.value(ink)).toBeGreaterThan(3);
    });

    it('draws a hundred thousand steps in less than a second of its thread', async () => {
      const root = temporary();
      const run = new RunWatch('long', root);
      for (let n = 1; n <= 100_000; n++) run.series.add(step(n) as MetricsRecord & { kind: 'step' });
      const points = run.series.points(run.series.strideFor(pointsFor(1)));
      const snapshot = { at: 0, version: '0', runs: [{ ...headOf(run, 0), points }] };
      writeFileSync(join(root, 'page.html'), watchPage({ title: 'long', snapshot, isLive: false }).html);
      const seconds = await secondsOf(() => open(pathToFileURL(join(root, 'page.html')).href));
      expect(seconds).toBeLessThan(1);
      expect(seconds).toBeGreaterThan(0.01);
      expect(await texts('#overview dd')).toContain('100,000');
    });

    it('compares two hundred runs, all drawn, and finds some by name', async () => {
      const root = temporary();
      for (let i = 0; i < 200; i++)
        makeRun(root, `k${3 + 2 * (i % 20)}/seed${Math.floor(i / 20)}`, 130, i / 200);
      const url = await fileOf(root);
      const seconds = await secondsOf(() => open(url));
      expect(seconds).toBeLessThan(4);
      expect(seconds).toBeGreaterThan(0.1);
      expect(await texts('#shown')).toEqual(['200 of 200 runs in the table, 200 drawn']);
      await browser.value("(() => { const f = document.querySelector('#filter'); f.value = 'k31 seed7'; f.dispatchEvent(new Event('input')); })()"); // prettier-ignore
      expect(await texts('#runs tbody th bdi')).toEqual(['k31/seed7']);
      const slide =
        "(() => { const s = document.querySelector('#smoothing'); s.value = 0.5; s.dispatchEvent(new Event('input')); return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))); })()";
      expect(await secondsOf(() => browser.value(slide))).toBeLessThan(1);
    });

    /** Seconds that the page's thread computes: the machine may do other things as well. */
    async function secondsOf(work: () => Promise<unknown>): Promise<number> {
      await browser.send('Performance.enable', { timeDomain: 'threadTicks' });
      const taken = async () => {
        const { metrics } = (await browser.send('Performance.getMetrics')) as {
          metrics: { name: string; value: number }[];
        };
        return metrics.find(({ name }) => name === 'TaskDuration')!.value;
      };
      const before = await taken();
      await work();
      return (await taken()) - before;
    }
  },
);
