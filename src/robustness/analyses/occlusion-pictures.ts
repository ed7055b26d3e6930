import type { Image } from '../../data/image/image.ts';
import { evalTransform } from '../../data/transform.ts';
import { defined } from '../../util/errors.ts';
import { droppedPatches, patchesAcross, type PatchDrop } from '../inputs/patches.ts';
import type { AnalysisContext, PictureRow } from './analysis.ts';
import { evenImages } from './measure-images.ts';

/** Pictures shown, where there are so many. */
const SHOWN = 3;

/** Some images as the model sees them, and after each of the drops: black where the patches are. (Fig. 5) */
export async function occlusionPictures(
  context: AnalysisContext,
  drops: readonly { readonly label: string; readonly change: PatchDrop }[],
): Promise<PictureRow[]> {
  const images = await evenImages(context, SHOWN);
  const { part, items } = images;
  const transform = evalTransform(context.about.evalConfig);
  try {
    const rows: PictureRow[] = [];
    for (const item of items) {
      const [stored] = await part.load(item);
      const image = transform(defined(stored, 'an image'));
      const dropped = drops.map(({ label, change }) => ({
        label,
        image: blackened(image, change, Number(part.place(item))),
      }));
      rows.push({ label: part.keys[item] ?? '', pictures: [{ label: 'unchanged', image }, ...dropped] });
    }
    return rows;
  } finally {
    await images.close();
  }
}

/** The image with its dropped patches black. @param number of the image, which names its pattern */
export function blackened(image: Image, change: PatchDrop, number: number): Image {
  const { width } = image;
  const across = patchesAcross(width, change.patch);
  const dropped = droppedPatches(change, number, across ** 2);
  const data = image.data.slice();
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / 3);
    const [row, column] = [Math.floor(pixel / width), pixel % width];
    const cell = Math.floor(row / change.patch) * across + Math.floor(column / change.patch);
    if (dropped[cell] === 1) data[i] = 0;
  }
  return { ...image, data };
}
