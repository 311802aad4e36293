// Owns what a browser says of pages: valid HTML, no violation that axe-core finds, nothing wider than the screen, nothing refused by the page's own
// policy, in light, dark and narrow. Usage: node check.mjs FOLDER-OF-PAGES FOLDER-FOR-PICTURES. Prints TAP.
import { readFileSync, readdirSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [pages, pictures] = process.argv.slice(2).map((p) => resolve(p));
// The modules lie in a cache of their own, not beside this file.
const require = createRequire(join(process.env.TALLY_MODULES, "x.js"));
const puppeteer = require("puppeteer-core");
const { HtmlValidate } = require("html-validate");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const looks = [
    { name: "light", width: 1440, scheme: "light" },
    { name: "dark", width: 1440, scheme: "dark" },
    { name: "narrow", width: 320, scheme: "light" },
];
// What the page is: one file, so that its style is in it; and void elements are written as XML has them.
const validator = new HtmlValidate({
    extends: ["html-validate:standard", "html-validate:a11y"],
    rules: { "void-style": "off", "no-inline-style": "error", "require-sri": "off", "long-title": "off", "no-trailing-whitespace": "off" },
});

let tests = 0;
let failed = 0;
const said = (holds, words, because = []) => {
    tests += 1;
    failed += holds ? 0 : 1;
    console.log(`${holds ? "ok" : "not ok"} ${tests} - ${words}`);
    for (const line of because.slice(0, 12)) console.log(`# ${line}`);
};

mkdirSync(pictures, { recursive: true });
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
try {
    for (const file of readdirSync(pages).filter((f) => f.endsWith(".html")).sort()) {
        const name = file.replace(/\.html$/, "");
        const text = readFileSync(join(pages, file), "utf8");
        said(Buffer.byteLength(text) < 1000000, `${name}: less than 1 MB`);
        const report = await validator.validateString(text);
        const faults = report.results.flatMap((r) => r.messages.map((m) => `${m.line}:${m.column} ${m.ruleId}: ${m.message}`));
        said(report.valid, `${name}: valid HTML`, faults);
        for (const look of looks) {
            const page = await browser.newPage();
            const complaints = [];
            page.on("console", (m) => complaints.push(m.text()));
            page.on("pageerror", (e) => complaints.push(String(e)));
            page.on("request", (r) => r.url().startsWith("file:") && r.url().endsWith(file) ? null : complaints.push(`asks for ${r.url().slice(0, 80)}`));
            await page.setViewport({ width: look.width, height: 900 });
            await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: look.scheme }]);
            await page.goto(pathToFileURL(join(pages, file)).href);
            said(complaints.length === 0, `${name}, ${look.name}: loads nothing and complains of nothing`, complaints);
            const dom = await page.evaluate(() => ({
                wide: document.documentElement.scrollWidth - window.innerWidth,
                sections: document.querySelectorAll("main > section").length,
                named: document.querySelectorAll("main > section[aria-labelledby] > h2").length,
                pictures: document.querySelectorAll("[role=img]").length,
                worded: document.querySelectorAll("[role=img][aria-label]").length,
                scripts: document.scripts.length,
            }));
            said(dom.wide <= 0, `${name}, ${look.name}: nothing is wider than ${look.width} pixels`, [`by ${dom.wide}`]);
            said(dom.sections > 0 && dom.sections === dom.named && dom.pictures === dom.worded && dom.scripts === 0,
                `${name}, ${look.name}: panels have names, pictures have words, and there is no script`, [JSON.stringify(dom)]);
            await page.screenshot({ path: join(pictures, `${name}-${look.name}.png`), fullPage: true });
            // What is folded away is looked at too.
            await page.evaluate(() => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
            await page.evaluate(axe);
            const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
            said(found.violations.length === 0, `${name}, ${look.name}: axe-core finds no violation`,
                found.violations.flatMap((v) => v.nodes.slice(0, 3).map((n) => `${v.id}: ${v.help}: ${n.target} ${n.failureSummary.replace(/\s+/g, " ")}`)));
            await page.close();
        }
    }
} finally {
    await browser.close();
}
said(tests > 10, "there were pages to look at");
console.log(`1..${tests}`);
process.exit(failed === 0 ? 0 : 1);
