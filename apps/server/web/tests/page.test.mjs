// What a person does on the page, in a real browser: at desktop and at phone size.
//
//     DECIPHER=target/release/decipher node --test page.test.mjs
//
// With SHOTS=DIR, a picture of every view is left there.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const program = process.env.DECIPHER ?? `${root}target/release/decipher`;
const shots = process.env.SHOTS;
const sizes = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Points of a 3 and of a 4, as shares of the sheet. */
const THREE = [[[0.36, 0.3], [0.42, 0.22], [0.54, 0.2], [0.62, 0.28], [0.6, 0.4], [0.5, 0.47], [0.61, 0.53], [0.65, 0.65], [0.56, 0.77], [0.43, 0.78], [0.35, 0.7]]];

let server, base, browser;

before(async () => {
  server = spawn(program, ["serve", "--port", "0"], { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, DECIPHER_DATA: "", HOME: "/nonexistent", XDG_CACHE_HOME: "/nonexistent" } });
  const [line] = await once(createInterface({ input: server.stdout }), "line");
  base = line.trim();
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });
});

after(async () => {
  await browser?.close();
  server?.kill("SIGTERM");
  if (server) assert.deepEqual(await once(server, "exit"), [0, null]);
});

for (const [size, viewport] of Object.entries(sizes)) {
  describe(`at ${size} size`, () => {
    let page, faults;

    before(async () => {
      page = await (await browser.newContext({ viewport, hasTouch: size === "phone" })).newPage();
      faults = [];
      page.on("pageerror", (error) => faults.push(error.message));
      // An answer of 404 is part of the game; anything that the content policy stops is not.
      page.on("console", (message) => /Content Security|Uncaught/.test(message.text()) && faults.push(message.text()));
    });

    after(async () => {
      assert.deepEqual(faults, []);
      await page.context().close();
    });

    const go = async (view) => {
      await page.goto(`${base}#${view}`);
      await page.locator("main h1").waitFor();
    };
    const shoot = async (name) => {
      if (!shots) return;
      await page.evaluate(() => scrollTo(0, 0));
      await page.waitForTimeout(300);
      await page.screenshot({ path: `${shots}/${name}-${size}.png`, fullPage: true });
    };
    const draw = async (strokes) => {
      const pad = page.locator("canvas.pad");
      await pad.evaluate((canvas) => canvas.scrollIntoView({ block: "center" }));
      const box = await pad.boundingBox();
      const at = ([x, y]) => [box.x + box.width * x, box.y + box.height * y];
      for (const [first, ...rest] of strokes) {
        await page.mouse.move(...at(first));
        await page.mouse.down();
        for (const point of rest) await page.mouse.move(...at(point), { steps: 4 });
        await page.mouse.up();
      }
    };
    const says = (text) => page.waitForFunction((text) => document.getElementById("answer")?.textContent === text, text);

    test("the page is there within a second and small", async () => {
      let bytes = 0;
      page.on("response", async (response) => (bytes += Number(response.headers()["content-length"] ?? 0)));
      const started = performance.now();
      await go("read");
      const time = performance.now() - started;
      assert.ok(time < (process.env.CI ? 5000 : 2000), `usable after ${time} ms`);
      assert.ok(bytes > 10_000 && bytes <= 300_000, `${bytes} bytes`);
    });

    test("draw a 3 and see 3", async () => {
      await go("read");
      await draw(THREE);
      await says("3");
      assert.match(await page.locator(".bar.best").innerText(), /^3/);
      await page.locator(".strip img").first().waitFor();
      await shoot("read");
      await page.getByRole("button", { name: "Clear" }).click();
      await says("Nothing yet");
    });

    test("draw with the keyboard alone", async () => {
      await go("read");
      await page.locator("canvas.pad").focus();
      await page.keyboard.press("Space");
      for (let i = 0; i < 16; i++) await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Space");
      await says("1");
      await page.keyboard.press("Backspace");
      await says("Nothing yet");
    });

    test("show a picture of a number and see it", async () => {
      await go("read");
      await page.setInputFiles("#file", `${root}samples/number.jpg`);
      await says("314159");
      assert.equal(await page.locator(".overlay rect").count(), 6);
      await page.locator(".overlay g").nth(2).click();
      assert.match(await page.locator(".bar.best").innerText(), /^4/);
      await page.locator(".strip img").first().waitFor();
      await shoot("photo");
      await page.setInputFiles("#file", `${root}samples/README.md`);
      await page.locator(".notice").first().waitFor();
    });

    test("teach some digits, compare, and keep the new reader", async () => {
      await go("read");
      await page.setInputFiles("#file", `${root}samples/number.jpg`);
      await says("314159");
      for (const [i, digit] of [..."314159"].entries()) {
        await page.locator(".chips .chip").nth(i).click();
        await page.getByRole("button", { name: `It is a ${digit}`, exact: true }).click();
      }
      await go("teach");
      assert.equal(await page.locator(".tile").count(), 6);
      await draw([[[0.5, 0.2], [0.32, 0.35], [0.3, 0.65], [0.5, 0.8], [0.68, 0.65], [0.67, 0.35], [0.5, 0.2]]]);
      await page.getByRole("button", { name: "Keep this one" }).click();
      await page.waitForFunction(() => document.querySelectorAll(".tile").length === 7);
      await page.getByRole("button", { name: "Teach my digits" }).click();
      await page.getByRole("button", { name: "Keep it" }).waitFor({ timeout: 60_000 });
      assert.match(await page.locator(".versus").innerText(), /750 built-in digits/);
      await shoot("teach");
      await page.getByRole("button", { name: "Keep it" }).click();
      await page.getByText("this is the reader now").waitFor();
      assert.match(await page.locator("#model").evaluate((select) => select.value), /^lesson-/);
      await page.selectOption("#model", "default");
    });

    test("train, see the curve move, pause, step, stop", async () => {
      await go("train");
      await page.locator("#recipe option").first().waitFor({ state: "attached" });
      await page.selectOption("#recipe", "tutorial-97");
      await page.getByRole("spinbutton", { name: "Epochs" }).fill("3");
      await page.getByRole("button", { name: "Start", exact: true }).click();
      const card = page.locator(".run").first();
      await card.locator(".status", { hasText: "done" }).waitFor({ timeout: 60_000 });
      const dots = () => page.locator("svg.chart").nth(1).locator("circle").count();
      const before = await dots();
      assert.ok(before >= 3, `${before} points`);
      // Another, of one's own: a unit more, and one epoch at a time.
      await page.getByLabel("Units of layer 1").fill("33");
      await page.getByRole("button", { name: "Start paused" }).click();
      const second = page.locator(".run").first();
      await second.locator(".status", { hasText: "paused" }).waitFor();
      await second.getByRole("button", { name: "One epoch" }).click();
      await page.waitForFunction((n) => document.querySelectorAll("svg.chart")[1]?.querySelectorAll("circle").length === n, before + 1);
      await second.locator(".weights canvas").first().waitFor();
      // One of three epochs is done, and the bar shows that.
      const [all, done] = await second.locator(".progress").evaluate((bar) => [bar.clientWidth, bar.firstElementChild.offsetWidth]);
      assert.ok(done > 0.2 * all && done < 0.5 * all, `${done} of ${all}`);
      await shoot("train");
      await second.getByRole("button", { name: "Stop" }).click();
      await second.locator(".status", { hasText: "stopped" }).waitFor();
    });

    test("look inside, switch units off, and see the accuracy move", async () => {
      await go("inside");
      await page.locator(".weights button").nth(5).click();
      await page.locator("tr.best", { hasText: "sum" }).waitFor();
      await page.locator("#switch-off").click();
      await page.locator("#worth").waitFor({ timeout: 30_000 });
      await shoot("inside");
    });

    test("evaluate, and open a cell of the confusion matrix", async () => {
      await go("evaluate");
      await page.locator(".matrix button:enabled").first().waitFor({ timeout: 30_000 });
      await page.locator(".matrix button:enabled").first().click();
      assert.match(await page.locator("#mistakes").innerText(), /read as/);
      await page.waitForFunction(() => document.querySelectorAll("svg.chart").length === 5, null, { timeout: 60_000 });
      await page.locator("canvas.map").waitFor();
      await shoot("evaluate");
    });

    test("nothing is wider than the screen", async () => {
      for (const view of ["read", "teach", "train", "inside", "evaluate"]) {
        await go(view);
        await page.waitForTimeout(200);
        const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(wide <= screen, `${view}: ${wide} on a screen of ${screen}`);
      }
    });
  });
}
