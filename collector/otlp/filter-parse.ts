/**
 * Filter expressions as text: what the words mean stands in README.md. Recursive descent over the grammar
 *
 *   any        = all { "or" all }
 *   all        = one { "and" one }
 *   one        = "not" one | "(" any ")" | test
 *   test       = field [ "not" ] ( "exists" | "in" "[" literal { "," literal } "]" )
 *              | field ( "=" | "!=" ) literal
 *              | field ( "<" | "<=" | ">" | ">=" ) number
 *              | field ( "=~" | "!~" ) "/" pattern "/" [ "i" ]
 *
 * The result says nothing of the wire: filter.ts compiles it.
 */
import { RE2JS, RE2JSSyntaxException } from "re2js";
import { type Field, isKeyed, type Root, takeField } from "./field.ts";
import { nearest, type Token, Tokens } from "./tokens.ts";

export type Literal = string | number | bigint | boolean;
export type Order = "<" | "<=" | ">" | ">=";

/** What one field is held to. Of a field that is not there every test is false. */
export type Test =
  | { readonly kind: "exists" }
  | { readonly kind: "equals"; readonly value: Literal }
  | { readonly kind: "order"; readonly order: Order; readonly value: number | bigint }
  | { readonly kind: "matches"; readonly pattern: RE2JS };

export type Expression =
  | { readonly kind: "any" | "all"; readonly of: readonly Expression[] }
  | { readonly kind: "not"; readonly of: Expression }
  | { readonly kind: "test"; readonly field: Field; readonly test: Test };

/** Parentheses and "not" within each other: more is a mistake, and would exhaust the stack. */
const DEPTH_MAX = 100;

/** The lowest severity number of each name; a name stands for itself and the three above (OTLP's severity ranges). */
export const SEVERITIES = { TRACE: 1, DEBUG: 5, INFO: 9, WARN: 13, ERROR: 17, FATAL: 21 } as const;
const SEVERITIES_EACH = 4;

const SIGNS: Readonly<Record<string, string>> = { "==": "=", "&&": "and", "||": "or", "!": "not" };
const ORDERS: readonly string[] = ["<", "<=", ">", ">="];
const TEXT_ROOTS: readonly Root[] = ["severityText", "eventName", "traceId", "spanId", "scope.name", "scope.version"];
const AFTER_A_FIELD = ["exists", "in", "not", "and", "or"];

/** Throws CollectorError `config_invalid` that says what is wrong and shows where. */
export function parseFilter(text: string): Expression {
  const parser = new Parser(new Tokens(text));
  return parser.parse();
}

/** A pattern of RE2's syntax, which takes linear time whatever the text. Throws as `parseFilter` does. */
export function compilePattern(tokens: Tokens): RE2JS {
  const { pattern, flags, start, end } = tokens.takePattern();
  if (!/^i?$/.test(flags)) tokens.fail(`after a pattern may only come i, for either case`, { start, end });
  try {
    return RE2JS.compile(pattern, flags === "i" ? RE2JS.CASE_INSENSITIVE : 0);
  } catch (reason) {
    if (!(reason instanceof RE2JSSyntaxException)) throw reason;
    const what = reason.message.replace(/^error parsing regexp: /, "");
    return tokens.fail(`the pattern can't be read: ${what} (the syntax is RE2's: no look-ahead, no \\1)`, {
      start,
      end,
    });
  }
}

class Parser {
  readonly #tokens: Tokens;
  #depth = 0;

  constructor(tokens: Tokens) {
    this.#tokens = tokens;
  }

  parse(): Expression {
    const { next } = this.#tokens;
    if (next.kind === "end") this.#tokens.fail("the filter is empty: leave it out to let everything through", next);
    const expression = this.#any();
    const rest = this.#tokens.next;
    if (rest.kind !== "end") this.#expected("and, or, or nothing must come here", rest);
    return expression;
  }

  #any(): Expression {
    const of = [this.#all()];
    while (this.#tokens.accept("or")) of.push(this.#all());
    return of.length === 1 ? (of[0] as Expression) : { kind: "any", of };
  }

  #all(): Expression {
    const of = [this.#one()];
    while (this.#tokens.accept("and")) of.push(this.#one());
    return of.length === 1 ? (of[0] as Expression) : { kind: "all", of };
  }

  #one(): Expression {
    const tokens = this.#tokens;
    const start = tokens.next;
    if (++this.#depth > DEPTH_MAX) tokens.fail(`this is nested deeper than ${DEPTH_MAX} levels`, start);
    let expression: Expression;
    if (tokens.accept("not")) expression = negated(this.#one());
    else if (tokens.accept("(")) {
      expression = this.#any();
      if (!tokens.accept(")")) this.#expected("the parenthesis is not closed", { ...tokens.next, start: start.start });
    } else expression = this.#test();
    this.#depth--;
    return expression;
  }

  #test(): Expression {
    const tokens = this.#tokens;
    if (tokens.next.kind === "sign") this.#expected("a field must come here", tokens.next);
    const name = tokens.next;
    const field = takeField(tokens, { written: false });
    if (field.all || (field.path.length === 0 && isKeyed(field.root) && field.root !== "body")) {
      tokens.fail(`${field.root} has many entries: name one, for example ${field.root}["name"]`, name);
    }
    const operator = tokens.next;
    const is = (test: Test): Expression => ({ kind: "test", field, test });
    if (tokens.accept("not")) {
      if (tokens.accept("exists")) return negated(is({ kind: "exists" }));
      if (tokens.accept("in")) return negated(this.#in(field));
      return tokens.fail("after not must come in or exists", tokens.next);
    }
    if (tokens.accept("exists")) return is({ kind: "exists" });
    if (tokens.accept("in")) return this.#in(field);
    if (tokens.accept("=")) return this.#equals(field);
    if (tokens.accept("!=")) return negated(this.#equals(field));
    if (operator.kind === "sign" && (operator.value === "=~" || operator.value === "!~")) {
      if (field.root === "severity") tokens.fail("severity is a number: patterns are for severityText", operator);
      tokens.take();
      const matches = is({ kind: "matches", pattern: compilePattern(tokens) });
      return operator.value === "=~" ? matches : negated(matches);
    }
    if (operator.kind === "sign" && ORDERS.includes(operator.value)) {
      tokens.take();
      return is(this.#order(field, operator.value as Order));
    }
    return this.#expected("a comparison must come here: = != < <= > >= =~ !~ in exists", operator);
  }

  #in(field: Field): Expression {
    const tokens = this.#tokens;
    const open = tokens.next;
    if (!tokens.accept("[")) tokens.fail('after in comes a list, for example in ["a", "b"]', open);
    const of: Expression[] = [];
    do of.push(this.#equals(field));
    while (tokens.accept(","));
    if (!tokens.accept("]")) tokens.fail("the list is not closed", { ...tokens.next, start: open.start });
    return { kind: "any", of };
  }

  #equals(field: Field): Expression {
    const token = this.#tokens.next;
    const name = field.root === "severity" ? this.#severity() : undefined;
    if (name !== undefined) {
      const from: Test = { kind: "order", order: ">=", value: name.low };
      const to: Test = { kind: "order", order: "<=", value: name.high };
      return { kind: "all", of: [from, to].map((test) => ({ kind: "test" as const, field, test })) };
    }
    const value = this.#literal();
    if (field.root === "severity" && (typeof value === "string" || typeof value === "boolean")) {
      this.#tokens.fail("severity is a number: write a name without quotes, or ask for severityText", token);
    }
    if (TEXT_ROOTS.includes(field.root) && typeof value !== "string") {
      this.#tokens.fail(`${field.root} is a text: a text in quotes must come here`, token);
    }
    return { kind: "test", field, test: { kind: "equals", value } };
  }

  #order(field: Field, order: Order): Test {
    const token = this.#tokens.next;
    if (TEXT_ROOTS.includes(field.root))
      this.#tokens.fail(`${field.root} is a text, and ${order} compares numbers`, token);
    const name = field.root === "severity" ? this.#severity() : undefined;
    if (name !== undefined) {
      return { kind: "order", order, value: order === ">=" || order === "<" ? name.low : name.high };
    }
    const value = this.#literal();
    if (typeof value === "string" || typeof value === "boolean") {
      return this.#tokens.fail(`${order} compares numbers: a number must come here`, token);
    }
    return { kind: "order", order, value };
  }

  /** A severity's name, such as WARN for 13 to 16, or WARN2 for 14 alone. */
  #severity(): { readonly low: number; readonly high: number } | undefined {
    const token = this.#tokens.next;
    if (token.kind !== "word") return undefined;
    const [, name = "", step] = /^([A-Z]+)([2-4])?$/.exec(token.value) ?? [];
    const lowest = (SEVERITIES as Readonly<Record<string, number>>)[name];
    if (lowest === undefined) {
      const near = nearest(token.value, Object.keys(SEVERITIES));
      const suggestion = near === undefined ? "" : `: did you mean ${near}?`;
      return this.#tokens.fail(
        `${token.value} is no severity${suggestion || `; they are ${Object.keys(SEVERITIES).join(", ")}`}`,
        token,
      );
    }
    this.#tokens.take();
    if (step === undefined) return { low: lowest, high: lowest + SEVERITIES_EACH - 1 };
    return { low: lowest + Number(step) - 1, high: lowest + Number(step) - 1 };
  }

  #literal(): Literal {
    const tokens = this.#tokens;
    const token = tokens.next;
    if (token.kind === "text") return tokens.take().value;
    if (token.kind === "number") {
      tokens.take();
      const value = Number(token.value);
      return /^-?\d+$/.test(token.value) && !Number.isSafeInteger(value) ? BigInt(token.value) : value;
    }
    if (tokens.accept("true")) return true;
    if (tokens.accept("false")) return false;
    if (token.kind === "word") return tokens.fail(`a text stands in quotes: ${JSON.stringify(token.value)}`, token);
    return tokens.fail("a text in quotes, a number, true or false must come here", token);
  }

  /** Fails, with a hint where the word or sign is one of other languages or is misspelt. */
  #expected(what: string, token: Token): never {
    const known =
      token.kind === "sign"
        ? SIGNS[token.value]
        : token.value.length < 3
          ? undefined
          : nearest(token.value, AFTER_A_FIELD);
    if (token.kind === "word" && /^(and|or|not|in|exists)$/i.test(token.value)) {
      return this.#tokens.fail(`${what}: write ${token.value.toLowerCase()} in small letters`, token);
    }
    const hint = known === undefined ? "" : token.kind === "sign" ? `: write ${known}` : `: did you mean ${known}?`;
    return this.#tokens.fail(`${what}${hint}`, token);
  }
}

function negated(of: Expression): Expression {
  return { kind: "not", of };
}
