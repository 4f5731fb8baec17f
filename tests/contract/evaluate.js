// Evaluates JSONata with its reference implementation. Input: a list of {expression, bindings}; output: the values.
"use strict";
const crypto = require("crypto");
const jsonata = require("jsonata");

async function main() {
  const values = [];
  for (const { expression, bindings } of JSON.parse(require("fs").readFileSync(0, "utf8"))) {
    const parsed = jsonata(expression);
    parsed.registerFunction("parse", (text) => JSON.parse(text));
    parsed.registerFunction("hash", (text, algorithm) =>
      crypto.createHash(algorithm.replace("-", "")).update(text).digest("hex"));
    try {
      values.push({ value: await parsed.evaluate(undefined, bindings) });
    } catch (error) {
      values.push({ error: error.message });
    }
  }
  process.stdout.write(JSON.stringify(values));
}

main();
