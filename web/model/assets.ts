import { FrameworkError } from '../../src/util/errors.ts';
import { ASSETS } from '../../src/web/note.ts';

const left = ((globalThis as Record<string, unknown>)[ASSETS] ??= {}) as Record<string, unknown>;

/**
 * What the script `name`.js beside this page holds. Pages from the file system may load scripts, but nothing else.
 * @throws FrameworkError `web/asset`
 */
export async function loadAsset(name: string): Promise<unknown> {
  const script = document.createElement('script');
  script.src = `${encodeURIComponent(name)}.js`;
  await new Promise<void>((resolve, reject) => {
    script.onload = () => {
      resolve();
    };
    script.onerror = () => {
      reject(
        new FrameworkError('web/asset', `${name}.js cannot be loaded.`, {
          hint: 'Copy the whole folder, or export it again.',
        }),
      );
    };
    document.head.append(script);
  });
  script.remove();
  const value = left[name];
  // A large model's text would otherwise stay in memory beside its weights.
  Reflect.deleteProperty(left, name);
  if (value === undefined)
    throw new FrameworkError('web/asset', `${name}.js holds something else.`, {
      hint: 'Export the folder again.',
    });
  return value;
}

/** The bytes of an asset in base64. */
export async function loadBytes(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const text = await loadAsset(name);
  if (typeof text !== 'string') throw new FrameworkError('web/asset', `${name}.js holds no bytes.`);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
