// Validates state machines with both validators. Arguments: files. Output: a list of complaints, one line of JSON.
"use strict";
const fs = require("fs");
const structure = require("asl-validator");
const { getLanguageService, TextDocument } = require("amazon-states-language-service");

async function complaints(file) {
  const text = fs.readFileSync(file, "utf8");
  const found = structure(JSON.parse(text)).errors.map((error) => `asl-validator: ${JSON.stringify(error)}`);
  const service = getLanguageService({});
  const document = TextDocument.create("file:///machine.asl.json", "asl", 1, text);
  for (const problem of await service.doValidation(document, service.parseJSONDocument(document))) {
    found.push(`amazon-states-language-service: line ${problem.range.start.line + 1}: ${problem.message}`);
  }
  return found;
}

async function main() {
  const all = await Promise.all(process.argv.slice(2).map(complaints));
  process.stdout.write(JSON.stringify(all));
}

main();
