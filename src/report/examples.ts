import { encodeJpeg, encodePng } from '../data/image/encode.ts';
import type { Image } from '../data/image/image.ts';
import { CORRUPTIONS, corrupt } from '../robustness/corruptions/registry.ts';
import type { Severity } from '../robustness/corruptions/types.ts';

/** One picture of a corrupted image, inline. */
export interface Example {
  readonly corruption: string;
  readonly severity: Severity;
  /** `data:` URI; JPEG, or PNG for images so small that every pixel is seen. */
  readonly source: string;
  readonly width: number;
  readonly height: number;
}

/** The image under every corruption at severities 1, 3 and 5, corruption by corruption. */
export async function corruptionExamples(
  image: Image,
  options: { seed?: number; severities?: readonly Severity[] } = {},
): Promise<Example[]> {
  const { seed = 0, severities = [1, 3, 5] } = options;
  const isSmall = Math.min(image.width, image.height) < 96;
  const examples: Example[] = [];
  for (const { name } of CORRUPTIONS)
    for (const severity of severities) {
      const out = await corrupt(image, name, severity, { seed, imageNumber: 0 });
      const bytes = isSmall ? await encodePng(out) : await encodeJpeg(out, 80);
      const kind = isSmall ? 'png' : 'jpeg';
      const source = `data:image/${kind};base64,${Buffer.from(bytes).toString('base64')}`;
      examples.push({ corruption: name, severity, source, width: image.width, height: image.height });
    }
  return examples;
}
