// Owns the pictures in docs/img. Usage: node pictures.mjs PAGE FOLDER [PICTURE-OF-SUPERSET]. The page is drawn in light, dark and narrow.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [html, folder, superset] = process.argv.slice(2).map((p) => resolve(p));
const require = createRequire(join(process.env.TALLY_MODULES, "x.js"));
const puppeteer = require("puppeteer-core");
const looks = [
    { name: "board-light", file: html, scheme: "light", width: 1440, height: 1108, scale: 0.56 },
    { name: "board-dark", file: html, scheme: "dark", width: 1440, height: 1108, scale: 0.56 },
    { name: "board-narrow", file: html, scheme: "light", width: 320, height: 927, scale: 0.89 },
    ...(superset ? [{ name: "board-superset", file: superset, scheme: "light", width: 1600, height: 1072, scale: 0.504 }] : []),
];

const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
try {
    for (const look of looks) {
        const page = await browser.newPage();
        await page.setViewport({ width: look.width, height: look.height, deviceScaleFactor: look.scale });
        await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: look.scheme }]);
        if (look.file === superset) {
            await page.goto("about:blank");
            // A picture opened by itself would be centred and scaled by the browser.
            await page.setContent(`<body style="margin:0"><img width="1600" src="data:image/png;base64,${readFileSync(superset).toString("base64")}"></body>`);
        } else {
            await page.goto(pathToFileURL(look.file).href);
        }
        await page.screenshot({ path: join(folder, `${look.name}.png`) });
        await page.close();
    }
} finally {
    await browser.close();
}
