// Opens a page in several ways; prints what a reader would see of it, as JSON. Arguments: program, page, folder for pictures.
import puppeteer from "puppeteer-core";

const [program, page, pictures] = process.argv.slice(2);
const VIEWS = {
  light: { width: 1100, height: 900, scheme: "light" },
  dark: { width: 1100, height: 900, scheme: "dark" },
  phone: { width: 390, height: 844, scheme: "light", isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
  print: { width: 794, height: 1123, scheme: "dark", media: "print" },
};

const browser = await puppeteer.launch({
  executablePath: program,
  headless: "shell",
  args: ["--no-sandbox", "--disable-gpu", "--no-zygote", "--font-render-hinting=none"],
});
const seen = {};
for (const [name, { scheme, media, ...viewport }] of Object.entries(VIEWS)) {
  const tab = await browser.newPage();
  const complaints = [];
  const asked = [];
  tab.on("console", (message) => message.type() !== "log" && complaints.push(message.text()));
  tab.on("pageerror", (error) => complaints.push(String(error)));
  tab.on("request", (request) => asked.push(request.url()));
  await tab.setViewport(viewport);
  await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  if (media) await tab.emulateMediaType(media);
  await tab.goto(`file://${page}`, { waitUntil: "load" });
  const facts = await tab.evaluate(() => {
    const style = getComputedStyle(document.body);
    const figures = {};
    for (const section of document.querySelectorAll("section")) {
      const chart = section.querySelector(".chart");
      figures[section.id] = {
        heading: section.querySelector("h2").textContent,
        query: section.querySelector("pre").textContent,
        columns: [...section.querySelectorAll("thead th")].map((cell) => cell.textContent),
        rows: [...section.querySelectorAll("tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent)),
        drawings: chart.querySelectorAll("svg").length,
        titles: [...chart.querySelectorAll("svg title")].map((title) => title.textContent),
        labels: [...chart.querySelectorAll("svg text")].map((label) => label.textContent),
        tiles: [...chart.querySelectorAll(".tile b")].map((tile) => tile.textContent),
        legend: [...chart.querySelectorAll(".legend span")].map((entry) => entry.textContent),
        height: chart.getBoundingClientRect().height,
      };
    }
    return {
      background: style.backgroundColor,
      ink: style.color,
      overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      figures,
    };
  });
  if (pictures) await tab.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
  seen[name] = { ...facts, complaints, asked: asked.filter((url) => !url.startsWith("data:")) };
  await tab.close();
}
await browser.close();
console.log(JSON.stringify(seen));
