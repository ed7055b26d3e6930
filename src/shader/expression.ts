import { FrameworkError, nearest } from '../util/errors.ts';

/** A name that stands for itself: a mode, a type, a literal. */
export interface Word {
  readonly word: string;
  /** For the value of a parameter: all values that it could have. */
  readonly among?: readonly string[];
}

export type Value = number | Word;

/** What the names of an expression mean. */
export interface Scope {
  /** Throws where the name is not declared. */
  value(name: string): Value;
  /** Answers `bound(x)` and `accumulates(x)`; throws where no such binding is declared. */
  ask(question: Question, binding: string): boolean;
}

const QUESTIONS = ['bound', 'accumulates'] as const;
export type Question = (typeof QUESTIONS)[number];

/**
 * Evaluates an expression of a shader's parameters: + - * / % (integer division, truncating), comparisons, && || !, ?:,
 * parentheses, min, max, ceildiv, bound(BINDING), accumulates(BINDING). Booleans are 0 and 1. Words can be compared for equality.
 */
export function evaluate(text: string, scope: Scope): Value {
  const parser = new Parser(tokensOf(text), scope, text);
  const value = parser.ternary();
  if (!parser.done) throw malformed(text);
  return value;
}

/** Loops evaluate the same texts again and again. */
const known = new Map<string, readonly string[]>();

function tokensOf(text: string): readonly string[] {
  let tokens = known.get(text);
  if (tokens === undefined) {
    tokens = text.match(/\d+|[A-Za-z_]\w*|<=|>=|==|!=|&&|\|\||[-+*/%<>!?:(),]/g) ?? [];
    if (tokens.join('') !== text.replace(/\s+/g, '')) throw malformed(text);
    known.set(text, tokens);
  }
  return tokens;
}

function malformed(text: string): FrameworkError {
  return invalid(`\`${text}\` is not an expression of parameters, words and whole numbers`);
}

function invalid(message: string): FrameworkError {
  return new FrameworkError('shader/expression', `${message}.`);
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

/** Whether two words are the same. Throws if the word in the text is none that the other side can be. */
function isSameWord(a: Word, b: Word): boolean {
  const among = a.among ?? b.among;
  const written = [a, b].find((side) => side.among === undefined)?.word;
  if (among !== undefined && written !== undefined && !among.includes(written)) {
    const near = nearest(written, among);
    const hint = near === undefined ? '' : `; the nearest is \`${near}\``;
    throw invalid(`\`${written}\` is none of ${among.join(', ')}${hint}`);
  }
  return a.word === b.word;
}

class Parser {
  private at = 0;
  private readonly tokens: readonly string[];
  private readonly scope: Scope;
  private readonly text: string;

  constructor(tokens: readonly string[], scope: Scope, text: string) {
    this.tokens = tokens;
    this.scope = scope;
    this.text = text;
  }

  get done(): boolean {
    return this.at === this.tokens.length;
  }

  ternary(): Value {
    const condition = this.binary(0);
    if (!this.accept('?')) return condition;
    const yes = this.ternary();
    this.expect(':');
    const no = this.ternary();
    return this.numeric(condition) !== 0 ? yes : no;
  }

  private binary(level: number): Value {
    const operators = BINARY[level];
    if (operators === undefined) return this.unary();
    let left = this.binary(level + 1);
    for (;;) {
      const token = this.tokens[this.at];
      const operator = token === undefined ? undefined : operators[token];
      if (operator === undefined) return left;
      this.at++;
      const right = this.binary(level + 1);
      const areWords = typeof left !== 'number' && typeof right !== 'number';
      left =
        areWords && (token === '==' || token === '!=')
          ? Number(isSameWord(left as Word, right) === (token === '=='))
          : operator(this.numeric(left), this.numeric(right));
    }
  }

  private unary(): Value {
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
    if (!/^[A-Za-z_]/.test(token)) throw malformed(this.text);
    return this.tokens[this.at] === '(' ? this.call(token) : this.scope.value(token);
  }

  private call(name: string): number {
    this.expect('(');
    const question = QUESTIONS.find((word) => word === name);
    if (question !== undefined) {
      const binding = this.tokens[this.at++] ?? '';
      this.expect(')');
      return Number(this.scope.ask(question, binding));
    }
    const values = [this.numeric(this.ternary())];
    while (this.accept(',')) values.push(this.numeric(this.ternary()));
    this.expect(')');
    const call = FUNCTIONS[name];
    if (call === undefined) throw malformed(this.text);
    return call(...values);
  }

  private numeric(value: Value): number {
    if (typeof value === 'number') return value;
    throw invalid(`\`${this.text}\` uses the word \`${value.word}\` as a number`);
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
