import type { ModelNote } from '../../src/web/note.ts';
import { NOTE_ASSET } from '../../src/web/note.ts';
import { FrameworkError, messageOf } from '../../src/util/errors.ts';
import { loadAsset } from './assets.ts';
import { PageClassifier } from './classifier.ts';
import { openBrowserDevice } from './device.ts';
import { Studio } from './studio.ts';

export { decodeImage } from './codec.ts';
export { corrupt } from '../../src/robustness/corruptions/registry.ts';

/**
 * The model of this page's folder on the browser's GPU, for programs.
 * @example
 * const model = await largekernel.openModel();
 * const logits = await model.logits(model.frame(await largekernel.decodeImage(bytes, 'cat.jpg')));
 */
export async function openModel(say: (words: string) => void = () => undefined): Promise<PageClassifier> {
  const device = await openBrowserDevice();
  const note = (await loadAsset(NOTE_ASSET)) as ModelNote;
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
  const model = await PageClassifier.open(note, device, (done, all) => {
    say(done < all ? `Loading weights: ${megabytes(done)} of ${megabytes(all)} MB …` : 'Compiling shaders …');
  });
  return model;
}

/** Opens the model and brings the page to life; what goes wrong is said on the page. */
export async function start(): Promise<void> {
  const status = document.getElementById('status');
  const say = (words: string, isError = false) => {
    if (status === null) return;
    status.textContent = words;
    status.classList.toggle('error', isError);
  };
  const fail = (error: unknown) => {
    const hint = error instanceof FrameworkError ? error.hint : undefined;
    say([messageOf(error), ...(hint === undefined ? [] : [hint])].join('\n'), true);
  };
  try {
    await new Studio(await openModel(say), { say, fail }).open();
  } catch (error) {
    fail(error);
  }
}
