/** A headless Chromium by its DevTools protocol, over two pipes: no WebSocket, no library. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** A browser that is installed; undefined where there is none. */
export const CHROMIUM = ['chromium', 'chromium-browser', 'google-chrome', 'chrome']
  .flatMap((name) => (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name)))
  .find((path) => existsSync(path));

/** Flags of WebGPU on the browser's own SwiftShader. */
export const SWIFTSHADER = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
];

/** Why tests in a browser are left out. */
export const NO_CHROMIUM = 'no chromium, google-chrome or chrome on PATH';

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

export interface View {
  readonly width: number;
  readonly height: number;
  readonly dark?: boolean;
  readonly media?: 'print';
}

export class Browser {
  private readonly process: ChildProcess;
  private readonly folder: string;
  private readonly waiting = new Map<number, (message: Message) => void>();
  private readonly listeners: ((message: Message) => void)[] = [];
  private readonly input: Writable;
  private next = 1;
  private session: string | undefined;
  /** What the page logged, errors and refusals of its policy included. */
  readonly log: string[] = [];

  private constructor(process: ChildProcess, folder: string) {
    this.process = process;
    this.folder = folder;
    this.input = process.stdio[3] as Writable;
    let rest = '';
    (process.stdio[4] as Readable).setEncoding('utf8').on('data', (piece: string) => {
      const parts = (rest + piece).split('\0');
      rest = parts.pop() ?? '';
      for (const part of parts) this.hear(JSON.parse(part) as Message);
    });
  }

  /** @param gpu flags about it; by default the browser uses none */
  static async open(gpu: readonly string[] = ['--disable-gpu']): Promise<Browser> {
    const folder = mkdtempSync(join(tmpdir(), 'largekernel-chromium-'));
    const flags = ['--headless', '--no-sandbox', '--hide-scrollbars', '--no-first-run', ...gpu];
    const own = spawn(
      CHROMIUM ?? '',
      [...flags, '--disable-dev-shm-usage', '--remote-debugging-pipe', `--user-data-dir=${folder}`],
      // A process group of its own, so that all its processes end together.
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], detached: true },
    );
    const browser = new Browser(own, folder);
    const { targetId } = await browser.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true });
    browser.session = sessionId as string;
    for (const domain of ['Page', 'Runtime', 'Log']) await browser.send(`${domain}.enable`);
    return browser;
  }

  send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = this.next++;
    const { session: sessionId } = this;
    this.input.write(`${JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) })}\0`);
    return new Promise((resolve, reject) => {
      this.waiting.set(id, ({ result = {}, error }) => {
        if (error) reject(new Error(`${method}: ${error.message}`));
        else resolve(result);
      });
    });
  }

  async look({ width, height, dark = false, media }: View): Promise<void> {
    const mobile = width < 500;
    await this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile });
    const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }];
    await this.send('Emulation.setEmulatedMedia', { media: media ?? '', features });
  }

  /** Opens a page and waits until it is loaded. */
  async go(url: string): Promise<void> {
    const loaded = this.event('Page.loadEventFired');
    await this.send('Page.navigate', { url });
    await loaded;
  }

  /** The value of an expression in the page; a promise is waited for. */
  async value<T>(expression: string): Promise<T> {
    const answer = await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    const { result, exceptionDetails } = answer as { result: { value: T }; exceptionDetails?: object };
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    return result.value;
  }

  /** PNG of the page, at its whole height. */
  async picture(isWhole = true): Promise<Buffer> {
    const { data } = await this.send('Page.captureScreenshot', { captureBeyondViewport: isWhole, ...(isWhole && { clip: { ...(await this.size()), scale: 1 } }) }); // prettier-ignore
    return Buffer.from(data as string, 'base64');
  }

  async pdf(): Promise<Buffer> {
    const { data } = await this.send('Page.printToPDF', { printBackground: false, preferCSSPageSize: true });
    return Buffer.from(data as string, 'base64');
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    process.kill(-(this.process.pid as number), 'SIGKILL');
    await ended;
    await removeProfile(this.folder);
  }

  private size(): Promise<{ x: number; y: number; width: number; height: number }> {
    return this.value('({ x: 0, y: 0, width: innerWidth, height: document.documentElement.scrollHeight })');
  }

  private event(name: string): Promise<void> {
    return new Promise((resolve) => {
      const listener = ({ method }: Message) => {
        if (method !== name) return;
        this.listeners.splice(this.listeners.indexOf(listener), 1);
        resolve();
      };
      this.listeners.push(listener);
    });
  }

  private hear(message: Message): void {
    const { id, method, params } = message;
    if (id !== undefined) this.waiting.get(id)?.(message);
    if (
      method === 'Runtime.exceptionThrown' ||
      method === 'Runtime.consoleAPICalled' ||
      method === 'Log.entryAdded'
    )
      this.log.push(JSON.stringify(params));
    for (const listener of [...this.listeners]) listener(message);
  }
}

/** Its other processes may write for a moment longer; `maxRetries` would not list again what they wrote. */
async function removeProfile(folder: string): Promise<void> {
  for (let tries = 100; ; tries--) {
    try {
      rmSync(folder, { recursive: true, force: true });
      return;
    } catch (error) {
      if (tries === 0) throw error;
      await sleep(100);
    }
  }
}
