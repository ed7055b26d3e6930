import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FrameworkError, messageOf } from '../util/errors.ts';

/** Who may read the page: this machine, under one of its own names. A name that an attacker's DNS points here is none of them. */
const OWN_NAMES = new Set(['127.0.0.1', 'localhost', '[::1]']);
/** Pages that are open at the same time. */
const MOST_CLIENTS = 32;
/** Bytes that a page may be behind; it is let go then, and comes back for the whole. */
const MOST_BEHIND = 2 ** 25;

/** What is served. Paths are looked up, never opened. */
export interface Site {
  /** Called before a page is served or begins to listen: what follows is to be up to date. */
  readonly refresh: () => Promise<void>;
  /** The page, with its policy for scripts and styles. */
  readonly page: () => { readonly html: string; readonly policy: string };
  /** JSON of one run's looks; undefined where there is no such run. */
  readonly looks: (id: number) => string | undefined;
  /** The first event of a page that begins to listen. */
  readonly snapshot: () => string;
}

/** The page on the loopback interface. */
export class WatchServer {
  private readonly site: Site;
  private readonly server: Server;
  private readonly clients = new Set<ServerResponse>();

  private constructor(site: Site) {
    this.site = site;
    this.server = createServer({ maxHeaderSize: 16_384 }, (request, response) => {
      this.answer(request, response).catch((error: unknown) => {
        if (response.headersSent) response.destroy();
        else end(response, 500, 'text/plain', `${messageOf(error)}\n`);
      });
    });
  }

  /**
   * @param port 0: any that is free
   * @throws FrameworkError `cli/port` where another program has it
   */
  static async open(site: Site, [port = 0, ...others]: readonly number[]): Promise<WatchServer> {
    const own = new WatchServer(site);
    const fault = await new Promise<Error | undefined>((resolve) => {
      own.server.once('error', resolve);
      own.server.listen(port, '127.0.0.1', () => {
        resolve(undefined);
      });
    });
    if (fault === undefined) return own;
    if (others.length > 0) return WatchServer.open(site, others);
    throw new FrameworkError('cli/port', `Port ${port} of 127.0.0.1 cannot be used: ${messageOf(fault)}.`, {
      hint: 'Choose another with --port, or leave it out.',
    });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get isWatched(): boolean {
    return this.clients.size > 0;
  }

  /** Tells all open pages. @param data without line ends, as JSON is */
  send(event: string, data: string): void {
    for (const client of this.clients) {
      if (client.writableLength > MOST_BEHIND) client.destroy();
      else client.write(`event: ${event}\ndata: ${data}\n\n`);
    }
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.end();
    this.server.closeAllConnections();
    await new Promise<void>((resolve) =>
      this.server.close(() => {
        resolve();
      }),
    );
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = refusalOf(request);
    if (refusal !== undefined) {
      end(response, refusal.status, 'text/plain', `${refusal.words}\n`, refusal.headers);
      return;
    }
    const { page, looks, snapshot, refresh } = this.site;
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const [, id] = /^\/looks\/(\d{1,6})$/.exec(path) ?? [];
    const found = id === undefined ? undefined : looks(Number(id));
    if (path === '/' || path === '/events') await refresh();
    if (path === '/') {
      const { html, policy } = page();
      end(response, 200, 'text/html', html, { 'Content-Security-Policy': policy });
    } else if (path === '/events') this.listen(response, snapshot());
    else if (found !== undefined) end(response, 200, 'application/json', found);
    else end(response, 404, 'text/plain', 'There is nothing here.\n');
  }

  private listen(response: ServerResponse, snapshot: string): void {
    if (this.clients.size >= MOST_CLIENTS) {
      end(response, 503, 'text/plain', 'Too many pages are open.\n');
      return;
    }
    response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/event-stream; charset=utf-8' });
    response.write(`retry: 1000\nevent: snapshot\ndata: ${snapshot}\n\n`);
    this.clients.add(response);
    response.on('close', () => this.clients.delete(response));
  }
}

/** Sent with everything: nothing is kept, framed, sniffed or shared with another origin. */
const HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
};

function end(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const length = Buffer.byteLength(body);
  const all = { ...HEADERS, ...headers, 'Content-Type': `${type}; charset=utf-8`, 'Content-Length': length };
  // Node leaves out the body of an answer to HEAD.
  response.writeHead(status, all).end(body);
}

interface Refusal {
  readonly status: number;
  readonly words: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Why a request is not answered, if it is not. */
export function refusalOf({
  method,
  headers,
}: Pick<IncomingMessage, 'method' | 'headers'>): Refusal | undefined {
  const { host = '', origin } = headers;
  const [, name = ''] = /^(.*?)(:\d+)?$/.exec(host.toLowerCase()) ?? [];
  if (!OWN_NAMES.has(name))
    return { status: 403, words: 'This page is read as 127.0.0.1 or localhost, from this machine alone.' };
  if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`)
    return { status: 403, words: 'Another origin may not read this page.' };
  if (isFromElsewhere(headers)) return { status: 403, words: 'Another site may not read this page.' };
  if (method !== 'GET' && method !== 'HEAD')
    return { status: 405, words: 'This page is read-only.', headers: { Allow: 'GET, HEAD' } };
  return undefined;
}

/** Another site may link to the page, but not load it into one of its own. */
function isFromElsewhere(headers: IncomingMessage['headers']): boolean {
  const site = headers['sec-fetch-site'] ?? 'none';
  if (site === 'none' || site === 'same-origin') return false;
  return !(headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document');
}
