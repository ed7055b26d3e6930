/** `JSON.parse` keeps the last of two equal keys without a word; a checkpoint with two tensors of one name is damaged. */

/** The first key that occurs twice in one object of `text`, which must be valid JSON. */
export function duplicateKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  let [start, end] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    const found = text[at];
    if (found === '"') {
      start = at;
      while (text[++at] !== '"') if (text[at] === '\\') at++;
      end = at + 1;
    } else if (found === '{') open.push(new Set());
    else if (found === '[') open.push(undefined);
    else if (found === '}' || found === ']') open.pop();
    else if (found === ':') {
      const keys = open.at(-1);
      const key = JSON.parse(text.slice(start, end)) as string;
      if (keys?.has(key) === true) return key;
      keys?.add(key);
    }
  }
  return undefined;
}
