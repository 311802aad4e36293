// Owns what Superset shows of boards that it has imported: it logs in, opens each dashboard, and keeps what each chart asked and got, and a picture.
// Usage: node superset.mjs ADDRESS FOLDER SLUG…  In FOLDER: <slug>.json, <slug>.png. A slug with ?variable=value is opened with that filter.
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [address, folder, ...slugs] = process.argv.slice(2);
const require = createRequire(join(process.env.TALLY_MODULES, "x.js"));
const puppeteer = require("puppeteer-core");
const patience = 90000;

mkdirSync(resolve(folder), { recursive: true });
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
try {
    const opened = async () => {
        const made = await browser.newPage();
        await made.setViewport({ width: 1600, height: 1000 });
        made.setDefaultTimeout(patience);
        return made;
    };
    let page = await opened();
    await page.goto(`${address}/login/`, { waitUntil: "networkidle2" });
    await page.type("input#username, input[name=username]", "admin");
    await page.type("input#password, input[name=password]", "admin");
    await Promise.all([page.waitForNavigation({ waitUntil: "networkidle2" }), page.keyboard.press("Enter")]);
    for (const asked of slugs) {
        const [slug, filter] = asked.split("?");
        // A page of its own: what the one before still waited for would come as an answer without a body.
        await page.close();
        page = await opened();
        const name = asked.replace(/[?=]/g, "-");
        const answers = [];
        const waiting = new Set();
        const heard = async (response) => {
            if (!response.url().includes("/api/v1/chart/data")) return;
            const question = JSON.parse(response.request().postData() ?? "{}");
            let body;
            try { body = await response.json(); } catch { body = { message: "no JSON" }; }
            const form = question.form_data ?? {};
            const [query] = question.queries ?? [{}];
            answers.push({
                chart: form.slice_id ?? null, status: response.status(), message: body.message ?? body.errors ?? null,
                filter: form.native_filter_id ?? null, picture: form.viz_type, metrics: form.metrics ?? (form.metric ? [form.metric] : []),
                by: [form.groupby ?? []].flat().concat(form.x_axis && form.x_axis !== "bucket" ? [form.x_axis] : []), axis: form.x_axis ?? null,
                grain: form.time_grain_sqla ?? null, columns: form.all_columns ?? null, filters: query.filters ?? [], limited: Boolean(form.limit),
                most: query.row_limit ?? null, result: (body.result ?? []).map((r) => ({ rows: r.data, since: r.from_dttm, until: r.to_dttm, error: r.error, sql: r.query })),
            });
            waiting.delete(response.request());
        };
        const left = (request) => { if (request.url().includes("/api/v1/chart/data")) waiting.add(request); };
        page.on("response", heard);
        page.on("request", left);
        let where = `${address}/superset/dashboard/${slug}/?standalone=1&show_filters=1`;
        if (filter) {
            const [variable, value] = filter.split("=");
            const id = `NATIVE_FILTER-${variable}`;
            where += `&native_filters=${encodeURIComponent(`(${id}:(extraFormData:(filters:!((col:${variable},op:IN,val:!('${value}')))),filterState:(label:'${value}',value:!('${value}')),id:${id},ownState:()))`)}`;
        }
        await page.goto(where, { waitUntil: "domcontentloaded" });
        await page.waitForSelector(".dashboard-component-chart-holder");
        // Charts below the screen are loaded when they come into sight.
        const charts = await page.evaluate(() => document.querySelectorAll(".dashboard-component-chart-holder").length);
        await page.setViewport({ width: 1600, height: Math.max(1000, 460 * Math.ceil(charts / 1.5)) });
        const until = Date.now() + patience;
        let quiet = 0;
        while (quiet < 4 && Date.now() < until) {
            await new Promise((r) => setTimeout(r, 500));
            const loading = await page.evaluate(() => document.querySelectorAll(".dashboard-component-chart-holder .loading, [data-test=loading-indicator]").length);
            quiet = waiting.size === 0 && loading === 0 && answers.length > 0 ? quiet + 1 : 0;
        }
        page.off("response", heard);
        page.off("request", left);
        const seen = await page.evaluate(() => ({
            charts: [...document.querySelectorAll(".dashboard-component-chart-holder")].map((c) => c.innerText.split("\n")[0]),
            faults: [...document.querySelectorAll(".dashboard-component-chart-holder [role=alert], .dashboard-component-chart-holder .ant-alert-error")].map((f) => f.innerText.slice(0, 300)),
            bottom: Math.max(...[...document.querySelectorAll(".dashboard-component-chart-holder")].map((c) => c.getBoundingClientRect().bottom)),
        }));
        writeFileSync(join(folder, `${name}.json`), JSON.stringify({ slug, filter: filter ?? null, ...seen, answers }, null, 1));
        await page.setViewport({ width: 1600, height: Math.ceil(seen.bottom) + 24 });
        await new Promise((r) => setTimeout(r, 1500));
        await page.screenshot({ path: join(folder, `${name}.png`), captureBeyondViewport: false });
        console.log(`# ${asked}: ${seen.charts.length} charts, ${answers.length} answers, ${seen.faults.length} faults`);
    }
} finally {
    await browser.close();
}
