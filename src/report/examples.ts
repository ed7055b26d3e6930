import { encodeJpeg, encodePng } from '../data/image/encode.ts';
import type { Image } from '../data/image/image.ts';
import { CORRUPTIONS, corrupt } from '../robustness/corruptions/registry.ts';
import type { Severity } from '../robustness/corruptions/types.ts';

/** One picture, inline. */
export interface Example {
  readonly corruption: string;
  readonly severity: Severity;
  /** `data:` URI; JPEG, or PNG for images so small that every pixel is seen. */
  readonly source: string;
  readonly width: number;
  readonly height: number;
}

/** A picture as it is and under every corruption, and what makes it again. */
export interface Gallery {
  /** Name of the picture's file. */
  readonly picture: string;
  readonly seed: number;
  readonly clean: Example;
  /** Corruption by corruption. */
  readonly examples: readonly Example[];
}

/** The image under every corruption at severities 1, 3 and 5. @param picture what it is called */
export async function corruptionGallery(
  image: Image,
  picture: string,
  { seed = 0, severities = [1, 3, 5] }: { seed?: number; severities?: readonly Severity[] } = {},
): Promise<Gallery> {
  const examples: Example[] = [];
  for (const { name } of CORRUPTIONS)
    for (const severity of severities) {
      const corrupted = await corrupt(image, name, severity, { seed, imageNumber: 0 });
      examples.push(await inline(corrupted, name, severity));
    }
  return { picture, seed, clean: await inline(image, 'clean', 0), examples };
}

async function inline(image: Image, corruption: string, severity: Severity): Promise<Example> {
  const { width, height } = image;
  const isSmall = Math.min(width, height) < 96;
  const bytes = isSmall ? await encodePng(image) : await encodeJpeg(image, 80);
  const kind = isSmall ? 'png' : 'jpeg';
  const source = `data:image/${kind};base64,${Buffer.from(bytes).toString('base64')}`;
  return { corruption, severity, source, width, height };
}
