/** Random changes of texts for fuzz tests, from a generator that is the same everywhere. */

/** Park and Miller's minimal standard generator: enough here, and the same everywhere. */
export function generator(start: number): (below: number) => number {
  let state = (start % 2_147_483_646) + 1;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

const splinters = [
  "(",
  ")",
  "[",
  "]",
  "{",
  "}",
  ",",
  "=",
  "<-",
  "|>",
  "..",
  "...",
  ":",
  "'",
  '"',
  "/*",
  "*/",
  "//",
  "///",
  "\n",
  "\r\n",
  "\\",
  "\0",
  "\uFEFF",
  "\uD800",
  "😀",
  "é",
  "-",
  "not ",
  "if ",
  " then ",
  " else ",
  "sum[",
  "sum[i] ",
  "for ",
  " in ",
  "scan ",
  "layer ",
  "\nlayer X()(x) {\n",
  "\ntrain A on b {\n",
  "param ",
  "state ",
  "update ",
  "update(w) {",
  "1e",
  ".5",
  "0x1",
  "1..2",
  "#",
  "\t",
  "else if",
  "return",
  "import ",
  "gradient",
  "output ",
  "penalty ",
  "assert ",
] as const;

/** One change somewhere in the text: cut off, cut out, put in, moved. */
export function mutate(text: string, random: (below: number) => number): string {
  const at = random(text.length + 1);
  const length = random(random(8) === 0 ? 200 : 6);
  const splinter = splinters[random(splinters.length)] ?? "";
  switch (random(7)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + text.slice(at + length);
    case 2:
      return text.slice(0, at) + splinter + text.slice(at);
    case 3:
      return text.slice(0, at) + splinter + text.slice(at + length);
    case 4:
      return text.slice(0, at) + splinter.repeat(1 + random(400)) + text.slice(at);
    case 5: {
      const from = random(text.length + 1);
      return text.slice(0, at) + text.slice(from, from + length * 4) + text.slice(at);
    }
    default:
      return text.slice(at) + text.slice(0, at);
  }
}

/** Values that programs seldom mean. */
const numbers = [
  "0",
  "-1",
  "1",
  "2.5",
  "100000000",
  "3000000000",
  "1e400",
  "none",
  "[]",
  "N",
] as const;

/** One word in place of another, or a number in place of one: the text still parses, but means something else. */
export function mutateWords(text: string, random: (below: number) => number): string {
  const pattern = random(3) === 0 ? /\d+(?:\.\d+)?/g : /[A-Za-z_]\w*/g;
  const words = [...text.matchAll(pattern)];
  const victim = words[random(Math.max(1, words.length))];
  const other = words[random(Math.max(1, words.length))];
  if (victim === undefined || other === undefined) return text;
  const isNumber = /^\d/.test(victim[0]);
  const instead = isNumber && random(2) === 0 ? numbers[random(numbers.length)] : other[0];
  return text.slice(0, victim.index) + instead + text.slice(victim.index + victim[0].length);
}
