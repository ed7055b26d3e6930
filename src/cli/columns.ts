/** The width of a terminal that does not tell. */
const USUAL_WIDTH = 80;

/** Names and what they mean, in two columns; the second is broken into lines at words. Each line ends with a line feed. */
export function columns(rows: readonly (readonly [string, string])[], width = USUAL_WIDTH): string {
  const indent = Math.max(0, ...rows.map(([name]) => name.length)) + 2;
  const room = Math.max(20, width - indent);
  return rows
    .flatMap(([name, text]) =>
      linesOf(text, room).map((line, i) => `${(i === 0 ? name : '').padEnd(indent)}${line}`.trimEnd()),
    )
    .map((line) => `${line}\n`)
    .join('');
}

function linesOf(text: string, room: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1] ?? '';
    if (last !== '' && last.length + 1 + word.length > room) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}
