/** Values of a pickle. Nothing in it is looked up or run. */

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | PickleTuple
  | PickleGlobal
  | PickleCall
  | { readonly kind: string };

export class PickleTuple {
  readonly items: readonly PickleValue[];
  constructor(items: readonly PickleValue[]) {
    this.items = items;
  }
}

/** A Python name, `module.name`; never looked up. */
export class PickleGlobal {
  readonly path: string;
  constructor(path: string) {
    this.path = path;
  }
}

/** A call that was recorded instead of made: function and arguments, then the state and items of the object it would have made. */
export class PickleCall {
  readonly callee: PickleValue;
  readonly args: readonly PickleValue[];
  state: PickleValue = null;
  readonly items = new Map<PickleValue, PickleValue>();
  constructor(callee: PickleValue, args: readonly PickleValue[]) {
    this.callee = callee;
    this.args = args;
  }
}

export interface PickleHandlers {
  /** Calls that are understood, by the path of the function. */
  readonly calls: ReadonlyMap<string, (args: readonly PickleValue[]) => PickleValue>;
  readonly persistent: (id: PickleValue) => PickleValue;
}
