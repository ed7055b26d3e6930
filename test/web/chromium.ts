import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/**
 * A browser that starts: the one that `LARGEKERNEL_TEST_CHROMIUM` names, one on the path, or that of the package which also brings SwiftShader;
 * undefined where there is none.
 */
export async function findChromium(): Promise<string | undefined> {
  const starts = (file: string) => file !== '' && spawnSync(file, ['--version']).status === 0;
  const named = [
    process.env.LARGEKERNEL_TEST_CHROMIUM ?? '',
    'chromium',
    'chromium-browser',
    'google-chrome',
  ];
  const found = named.find(starts);
  if (found !== undefined) return found;
  const packaged = await import('@sparticuz/chromium')
    .then((it) => it.default.executablePath())
    .catch(() => '');
  return starts(packaged) ? packaged : undefined;
}

/** One page of a headless browser with WebGPU on SwiftShader, driven through DevTools' pipe. */
export interface Page {
  open(url: string): Promise<void>;
  /** The value of an expression in the page, which may be a promise. */
  value<T>(expression: string): Promise<T>;
  /** @returns a PNG */
  screenshot(width: number, height: number): Promise<Buffer>;
  dark(isDark: boolean): Promise<void>;
  close(): Promise<void>;
}

interface Reply {
  readonly id?: number;
  readonly method?: string;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

export async function openPage(browser: string): Promise<Page> {
  const profile = mkdtempSync(join(tmpdir(), 'largekernel-page-'));
  const flags = [
    '--headless=new',
    '--no-sandbox',
    '--enable-unsafe-webgpu',
    '--use-webgpu-adapter=swiftshader',
    '--enable-features=Vulkan',
    '--remote-debugging-pipe',
    `--user-data-dir=${profile}`,
  ];
  const child = spawn(browser, flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
  const [to, from] = [child.stdio[3] as Writable, child.stdio[4] as Readable];
  const waiting = new Map<number, (reply: Reply) => void>();
  const events = new Map<string, () => void>();
  let text = '';
  from.setEncoding('utf8').on('data', (some: string) => {
    const messages = (text + some).split('\0');
    text = messages.pop() ?? '';
    for (const reply of messages.map((message) => JSON.parse(message) as Reply)) {
      if (reply.id !== undefined) waiting.get(reply.id)?.(reply);
      if (reply.method !== undefined) events.get(reply.method)?.();
    }
  });
  let last = 0;
  const ask = async (method: string, params: object = {}, sessionId?: string) => {
    const id = ++last;
    const answer = new Promise<Reply>((resolve) => waiting.set(id, resolve));
    to.write(`${JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) })}\0`);
    const { result, error } = await answer;
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result as Record<string, unknown>;
  };
  const { targetId } = await ask('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = (await ask('Target.attachToTarget', { targetId, flatten: true })) as {
    sessionId: string;
  };
  await ask('Page.enable', {}, sessionId);
  return {
    async open(url) {
      const loaded = new Promise<void>((resolve) => events.set('Page.loadEventFired', resolve));
      await ask('Page.navigate', { url }, sessionId);
      await loaded;
    },
    async value<T>(expression: string) {
      const params = { expression, awaitPromise: true, returnByValue: true };
      const { result, exceptionDetails } = (await ask('Runtime.evaluate', params, sessionId)) as {
        result: { value: T };
        exceptionDetails?: { exception?: { description?: string }; text: string };
      };
      if (exceptionDetails !== undefined)
        throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      return result.value;
    },
    async screenshot(width, height) {
      const metrics = { width, height, deviceScaleFactor: 1, mobile: width < 600 };
      await ask('Emulation.setDeviceMetricsOverride', metrics, sessionId);
      const { data } = (await ask('Page.captureScreenshot', { format: 'png' }, sessionId)) as {
        data: string;
      };
      return Buffer.from(data, 'base64');
    },
    async dark(isDark) {
      const features = [{ name: 'prefers-color-scheme', value: isDark ? 'dark' : 'light' }];
      await ask('Emulation.setEmulatedMedia', { features }, sessionId);
    },
    async close() {
      const gone = new Promise((resolve) => child.once('close', resolve));
      await ask('Browser.close').catch(() => undefined);
      await gone;
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
