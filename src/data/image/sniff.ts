/** What the first bytes of a file say it is, whatever its name. `components` and `bitDepth`/`colourType` steer the decoder. */
export type Sniffed =
  | { readonly kind: 'jpeg'; readonly components: number }
  | { readonly kind: 'png'; readonly bitDepth: number; readonly colourType: number }
  | { readonly kind: 'webp' | 'gif' | 'tiff' | 'avif' | 'bmp' | 'pnm' }
  | { readonly kind: 'other'; readonly description: string };

const IMAGES = [
  ['GIF8', 0, 'gif'],
  ['WEBP', 8, 'webp'],
  ['BM', 0, 'bmp'],
  ['II*\0', 0, 'tiff'],
  ['MM\0*', 0, 'tiff'],
  ['ftypavif', 4, 'avif'],
  ['ftypavis', 4, 'avif'],
] as const;

const SIGNATURES: readonly (readonly [string, number, string])[] = [
  ['ftyphe', 4, 'a HEIC image'],
  ['ftyp', 4, 'an MP4 or HEIC file'],
  ['\xff\x0a', 0, 'a JPEG XL image'],
  ['\0\0\0\x0cJXL ', 0, 'a JPEG XL image'],
  ['\0\0\0\x0cjP  ', 0, 'a JPEG 2000 image'],
  ['8BPS', 0, 'a Photoshop file'],
  ['%PDF', 0, 'a PDF document'],
  ['PK', 0, 'a zip archive'],
  ['\x1f\x8b', 0, 'a gzip archive'],
  ['version https://git-lfs', 0, 'a Git LFS pointer, not the file itself'],
];

/** Names the format of `bytes` without decoding it. */
export function sniff(bytes: Uint8Array): Sniffed {
  if (bytes.length === 0) return { kind: 'other', description: 'empty' };
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return { kind: 'jpeg', components: jpegComponents(bytes) };
  if (startsWith(bytes, '\x89PNG\r\n\x1a\n', 0))
    return { kind: 'png', bitDepth: bytes[24] ?? 0, colourType: bytes[25] ?? 0 };
  for (const [text, at, kind] of IMAGES) if (startsWith(bytes, text, at)) return { kind };
  if (/^P[1-6][\s#]/.test(latin1(bytes.subarray(0, 3)))) return { kind: 'pnm' };
  for (const [text, at, description] of SIGNATURES)
    if (startsWith(bytes, text, at)) return { kind: 'other', description };
  return { kind: 'other', description: describeUnknown(bytes) };
}

function startsWith(bytes: Uint8Array, text: string, at: number): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** Number of components in the frame header (SOF), 0 if the file ends before it. */
function jpegComponents(bytes: Uint8Array): number {
  for (let at = 2; at + 9 < bytes.length;) {
    if (bytes[at] !== 0xff) {
      at++;
      continue;
    }
    const marker = bytes[at + 1] as number;
    if (marker === 0xff) at++;
    else if (marker === 0x00 || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) at += 2;
    else if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc)
      return bytes[at + 9] as number;
    else at += 2 + (((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number));
  }
  return 0;
}

function describeUnknown(bytes: Uint8Array): string {
  const head = bytes.subarray(0, 64);
  const isText = head.every((byte) => byte === 9 || byte === 10 || byte === 13 || (byte >= 32 && byte < 127));
  if (!isText) return `a file beginning with bytes ${Array.from(head.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  const line = latin1(head).trim().split(/\r?\n/)[0] ?? '';
  return `a text file beginning ${JSON.stringify(line.slice(0, 40))}`;
}

/** Each byte as the character of its number. */
export function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
