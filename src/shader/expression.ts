import { FrameworkError } from '../util/errors.ts';

/** A parameter of a shader: a whole number, or a word such as a type name. */
export type ParamValue = number | string;

/**
 * Evaluates an integer expression of shader parameters: + - * / % (integer division, truncating), comparisons, && || !, ?:,
 * parentheses, min, max, ceildiv. Booleans are 0 and 1. A lone name may be a word.
 * @param lookup called for every name; it throws when the name is not declared
 */
export function evaluate(text: string, lookup: (name: string) => ParamValue): ParamValue {
  const tokens = text.match(/\d+|[A-Za-z_]\w*|<=|>=|==|!=|&&|\|\||[-+*/%<>!?:(),]/g) ?? [];
  if (tokens.join('') !== text.replace(/\s+/g, '')) throw malformed(text);
  const parser = new Parser(tokens, lookup, text);
  const value = parser.ternary();
  if (!parser.done) throw malformed(text);
  return value;
}

function malformed(text: string): FrameworkError {
  return new FrameworkError(
    'shader/expression',
    `\`${text}\` is not an expression of parameters and whole numbers.`,
  );
}

const BINARY: readonly Readonly<Record<string, (a: number, b: number) => number>>[] = [
  { '||': (a, b) => (a !== 0 || b !== 0 ? 1 : 0) },
  { '&&': (a, b) => (a !== 0 && b !== 0 ? 1 : 0) },
  { '==': (a, b) => Number(a === b), '!=': (a, b) => Number(a !== b) },
  {
    '<': (a, b) => Number(a < b),
    '>': (a, b) => Number(a > b),
    '<=': (a, b) => Number(a <= b),
    '>=': (a, b) => Number(a >= b),
  },
  { '+': (a, b) => a + b, '-': (a, b) => a - b },
  { '*': (a, b) => a * b, '/': (a, b) => Math.trunc(a / b), '%': (a, b) => a % b },
];

const FUNCTIONS: Readonly<Record<string, (...values: number[]) => number>> = {
  min: Math.min,
  max: Math.max,
  ceildiv: (a = 0, b = 1) => Math.ceil(a / b),
};

class Parser {
  private at = 0;
  private readonly tokens: readonly string[];
  private readonly lookup: (name: string) => ParamValue;
  private readonly text: string;

  constructor(tokens: readonly string[], lookup: (name: string) => ParamValue, text: string) {
    this.tokens = tokens;
    this.lookup = lookup;
    this.text = text;
  }

  get done(): boolean {
    return this.at === this.tokens.length;
  }

  ternary(): ParamValue {
    const condition = this.binary(0);
    if (!this.accept('?')) return condition;
    const yes = this.ternary();
    this.expect(':');
    const no = this.ternary();
    return this.numeric(condition) !== 0 ? yes : no;
  }

  private binary(level: number): ParamValue {
    const operators = BINARY[level];
    if (operators === undefined) return this.unary();
    let left = this.binary(level + 1);
    for (;;) {
      const token = this.tokens[this.at];
      const operator = token === undefined ? undefined : operators[token];
      if (operator === undefined) return left;
      this.at++;
      const right = this.binary(level + 1);
      left = operator(this.numeric(left), this.numeric(right));
    }
  }

  private unary(): ParamValue {
    if (this.accept('-')) return -this.numeric(this.unary());
    if (this.accept('!')) return this.numeric(this.unary()) === 0 ? 1 : 0;
    if (this.accept('(')) {
      const value = this.ternary();
      this.expect(')');
      return value;
    }
    const token = this.tokens[this.at++];
    if (token === undefined) throw malformed(this.text);
    if (/^\d/.test(token)) return Number(token);
    const call = FUNCTIONS[token];
    if (call !== undefined && this.accept('(')) {
      const values = [this.numeric(this.ternary())];
      while (this.accept(',')) values.push(this.numeric(this.ternary()));
      this.expect(')');
      return call(...values);
    }
    if (/^[A-Za-z_]\w*$/.test(token)) return this.lookup(token);
    throw malformed(this.text);
  }

  private numeric(value: ParamValue): number {
    if (typeof value === 'number') return value;
    throw new FrameworkError('shader/expression', `\`${this.text}\` uses the word \`${value}\` as a number.`);
  }

  private accept(token: string): boolean {
    if (this.tokens[this.at] !== token) return false;
    this.at++;
    return true;
  }

  private expect(token: string): void {
    if (!this.accept(token)) throw malformed(this.text);
  }
}
