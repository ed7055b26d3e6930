/** The part of a line that fits into one row of the terminal, however it was resized: a line that wraps cannot be rewritten. */
export function oneRow(text: string, terminal: object): string {
  const { columns } = terminal as { readonly columns?: number };
  return columns === undefined || text.length < columns
    ? text
    : `${text.slice(0, Math.max(0, columns - 2))}…`;
}
