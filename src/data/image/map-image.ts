import { freshWorkspace, type Functions, type Workspace } from '../../util/wasm.ts';
import type { Image } from './image.ts';

/** Makes an image of the same size: `work` is given the address of the pixels and where the new ones go. */
export function mapImage(
  image: Image,
  work: (run: Functions, from: number, to: number, space: Workspace) => void,
): Image {
  const { width, height, data } = image;
  const space = freshWorkspace();
  const from = space.put(data);
  const to = space.room(data.length);
  work(space.run, from, to, space);
  return { width, height, data: space.take(to, data.length) };
}
