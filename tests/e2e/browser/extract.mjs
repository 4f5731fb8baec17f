// Unpacks Chromium, its fonts and the libraries it needs below TMPDIR; prints where the program is.
import chromium from "@sparticuz/chromium";

console.log(JSON.stringify(await chromium.executablePath()));
