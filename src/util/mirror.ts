/** Where published weights are fetched from in place of their makers' addresses: set once, when the process begins. */
let address: string | undefined;

/** @param base an address below which the files lie as in the cache: `<base>/<name>/<file>` */
export function setWeightsMirror(base: string): void {
  address = base;
}

export function weightsMirror(): string | undefined {
  return address;
}
