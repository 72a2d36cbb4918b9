// What a person does on the page, in a real browser: at desktop and at phone size.
//
//     DECIPHER=target/release/decipher node --test page.test.mjs
//
// With SHOTS=DIR, a picture of every view is left there; with SCHEME=dark, of the dark page.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const program = process.env.DECIPHER ?? `${root}target/release/decipher`;
const shots = process.env.SHOTS;
const colorScheme = process.env.SCHEME ?? "light";
const sizes = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Points of a 3 and of a 4, as shares of the sheet. */
const THREE = [[[0.36, 0.3], [0.42, 0.22], [0.54, 0.2], [0.62, 0.28], [0.6, 0.4], [0.5, 0.47], [0.61, 0.53], [0.65, 0.65], [0.56, 0.77], [0.43, 0.78], [0.35, 0.7]]];

let server, base, browser, work;

/** What the camera shows: a film of one picture. MJPEG is nothing but JPEGs in a row. */
function film() {
  const path = join(work, "camera.mjpeg");
  writeFileSync(path, Buffer.concat(Array(30).fill(readFileSync(`${root}samples/number.jpg`))));
  return path;
}

before(async () => {
  server = spawn(program, ["serve", "--port", "0"], { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, DECIPHER_DATA: "", HOME: "/nonexistent", XDG_CACHE_HOME: "/nonexistent" } });
  const [line] = await once(createInterface({ input: server.stdout }), "line");
  base = line.trim();
  work = mkdtempSync(join(tmpdir(), "decipher-"));
  const camera = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", `--use-file-for-fake-video-capture=${film()}`];
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: [...flags, ...camera] });
});

after(async () => {
  await browser?.close();
  server?.kill("SIGTERM");
  rmSync(work, { recursive: true, force: true });
  if (server) assert.deepEqual(await once(server, "exit"), [0, null]);
});

for (const [size, viewport] of Object.entries(sizes)) {
  describe(`at ${size} size`, () => {
    let page, faults;

    before(async () => {
      page = await (await browser.newContext({ viewport, colorScheme, hasTouch: size === "phone", permissions: ["clipboard-read", "clipboard-write", "camera"] })).newPage();
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
    /** Starts what the form says; gives the card of the new run. */
    const start = async (button = "Start") => {
      const count = await page.locator(".run").count();
      await page.getByRole("button", { name: button, exact: true }).click();
      await page.waitForFunction((n) => document.querySelectorAll(".run").length === n, count + 1);
      return page.locator(`.run[aria-label="${await page.locator(".run").first().getAttribute("aria-label")}"]`);
    };
    const says = (text) => page.waitForFunction((text) => document.getElementById("answer")?.textContent === text, text);

    test("the page is there within a second and small", async () => {
      // Each time in a browser that knows nothing yet; what else the machine does may spoil some.
      const loads = [];
      while (loads.length < 10 && !(loads.at(-1)?.time < 1000)) {
        const context = await browser.newContext({ viewport });
        const fresh = await context.newPage();
        await fresh.goto(base);
        await fresh.locator("canvas.pad").waitFor();
        loads.push(await fresh.evaluate(() => {
          const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
          return { time: performance.now(), bytes: all.reduce((sum, { transferSize }) => sum + transferSize, 0) };
        }));
        await context.close();
      }
      const { time, bytes } = loads.at(-1);
      assert.ok(time < 1000, `usable after ${loads.map(({ time }) => Math.round(time))} ms`);
      assert.ok(bytes > 10_000 && bytes <= 300_000, `${bytes} bytes`);
      if (shots) console.log(`${size}: usable after ${Math.round(time)} ms; ${bytes} bytes`);
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

    test("a busy server is asked again", async () => {
      await go("read");
      let turned = 0;
      const busy = (route) => (turned++ ? route.fallback() : route.fulfill({ status: 503, headers: { "retry-after": "1" }, json: { error: "the server is busy", advice: "ask again in a second", code: "busy" } }));
      await page.route("**/v1/read?*", busy);
      await page.setInputFiles("#file", `${root}samples/number.jpg`);
      await says("314159");
      await page.unroute("**/v1/read?*", busy);
      assert.ok(turned > 1, `asked ${turned} times`);
      await page.getByRole("button", { name: "Clear" }).click();
      await says("Nothing yet");
    });

    test("the last drawing counts, also when an earlier one is ready later", async () => {
      await go("read");
      // The first sheet, with the first point of the 3 alone, takes half a second to become a PNG.
      await page.evaluate(() => {
        const { toBlob } = HTMLCanvasElement.prototype;
        HTMLCanvasElement.prototype.toBlob = function (made, ...rest) {
          HTMLCanvasElement.prototype.toBlob = toBlob;
          toBlob.call(this, (blob) => setTimeout(() => made(blob), 500), ...rest);
        };
      });
      const answers = [];
      const heard = (response) => response.url().includes("glyphs=true") && answers.push(response.status());
      page.on("response", heard);
      await page.locator("canvas.pad").focus();
      await page.keyboard.press("Space");
      await draw(THREE);
      await page.waitForTimeout(1000);
      page.off("response", heard);
      assert.equal(await page.locator("#answer").innerText(), "3");
      assert.ok(answers.length > 0);
      await page.getByRole("button", { name: "Clear" }).click();
      await says("Nothing yet");
    });

    test("a palm on the sheet draws nothing", async () => {
      await go("read");
      const pad = page.locator("canvas.pad");
      await pad.evaluate((canvas, stroke) => {
        const box = canvas.getBoundingClientRect();
        const send = (kind, id, [x, y]) => canvas.dispatchEvent(new PointerEvent(kind, { pointerId: id, pointerType: "touch", button: 0, bubbles: true, clientX: box.left + x * box.width, clientY: box.top + y * box.height }));
        canvas.setPointerCapture = () => {};
        send("pointerdown", 11, stroke[0]);
        send("pointerdown", 12, [0.9, 0.9]);
        for (const point of stroke) {
          send("pointermove", 11, point);
          send("pointermove", 12, [0.9, 0.91]);
        }
        send("pointerup", 12, [0.9, 0.9]);
        send("pointerup", 11, stroke.at(-1));
      }, THREE[0]);
      await says("3");
      await page.getByRole("button", { name: "Clear" }).click();
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
      // There is no stroke to undo on a photo; what is no picture leaves no answer of another behind.
      await page.getByRole("button", { name: "Undo" }).click();
      assert.equal(await page.locator("#answer").innerText(), "314159");
      await page.setInputFiles("#file", `${root}samples/README.md`);
      await page.locator(".notice").first().waitFor();
      await says("Nothing yet");
    });

    test("drop or paste a picture, and copy what it says", async () => {
      await go("read");
      const bring = (kind, target) => page.evaluate(async ([kind, target, base64]) => {
        const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], "number.jpg", { type: "image/jpeg" }));
        const init = { bubbles: true, cancelable: true };
        document.querySelector(target).dispatchEvent(kind === "drop" ? new DragEvent("drop", { ...init, dataTransfer: transfer }) : new ClipboardEvent("paste", { ...init, clipboardData: transfer }));
      }, [kind, target, readFileSync(`${root}samples/number.jpg`).toString("base64")]);
      for (const [kind, target] of [["drop", ".stage"], ["paste", "body"]]) {
        await page.getByRole("button", { name: "Clear" }).click();
        await says("Nothing yet");
        await bring(kind, target);
        await says("314159");
      }
      const copied = async (button) => {
        await page.evaluate(() => navigator.clipboard.writeText(""));
        await page.getByRole("button", { name: button, exact: true }).click();
        await page.waitForFunction(async () => (await navigator.clipboard.readText()) !== "");
        return page.evaluate(() => navigator.clipboard.readText());
      };
      assert.equal(await copied("Copy text"), "314159");
      assert.equal(JSON.parse(await copied("JSON")).text, "314159");
      // The table is the command's with the same network: another test may have taught this server's.
      const model = join(work, "shown.safetensors");
      const name = await page.locator(".model select").inputValue();
      writeFileSync(model, Buffer.from(await (await fetch(new URL(`/v1/models/${encodeURIComponent(name)}/file`, base))).arrayBuffer()));
      const table = (share) => execFileSync(program, ["read", "number.jpg", "--model", model, "--format", "csv", "--min-confidence", share], { cwd: `${root}samples`, encoding: "utf8" }).trimEnd();
      assert.equal(await copied("CSV"), table("0.25"));
      await page.route("**/v1/read?*", (route) => route.continue({ url: `${route.request().url()}&min_confidence=0.97` }));
      await bring("drop", ".stage");
      await page.waitForFunction(() => document.getElementById("answer").textContent.includes("?"));
      const unsure = await copied("CSV");
      await page.unroute("**/v1/read?*");
      assert.equal(unsure, table("0.97"));
      assert.match(unsure, /,\?,.*,\d\/\d$/m);
    });

    test("what is no digit is not called one", async () => {
      await go("read");
      await page.getByRole("button", { name: "Clear" }).click();
      const turns = [...Array(60).keys()].map((i) => [0.5 + 0.22 * Math.cos(i * 1.9), 0.5 + 0.3 * Math.sin(i * 2.7)]);
      await draw([turns]);
      await page.waitForFunction(() => /^No digit/.test(document.getElementById("answer").textContent));
      await page.getByRole("button", { name: "Clear" }).click();
    });

    if (size === "phone") {
      test("draw with a finger", async () => {
        await go("read");
        const pad = page.locator("canvas.pad");
        await pad.evaluate((canvas) => canvas.scrollIntoView({ block: "center" }));
        const [box, touch, scrolled] = [await pad.boundingBox(), await page.context().newCDPSession(page), await page.evaluate(() => scrollY)];
        const at = ([x, y]) => ({ x: box.x + box.width * x, y: box.y + box.height * y });
        for (const [first, ...rest] of THREE) {
          await touch.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [at(first)] });
          for (const point of rest) await touch.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: [at(point)] });
          await touch.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
        }
        await says("3");
        // The finger draws and does not move the page.
        assert.equal(await page.evaluate(() => scrollY), scrolled);
        await page.getByRole("button", { name: "Clear" }).click();
      });
    }

    test("hold a number before the camera and see it", async () => {
      await go("read");
      await page.getByRole("button", { name: "Clear" }).click();
      await page.getByRole("button", { name: "Camera" }).click();
      await page.waitForFunction(() => document.querySelector("video")?.videoWidth > 0);
      await shoot("camera");
      await page.getByRole("button", { name: "Take the picture" }).click();
      await says("314159");
      assert.equal(await page.locator("video").count(), 0);
      // Who changes their mind gets the sheet back, and the camera goes dark.
      await page.getByRole("button", { name: "Camera" }).click();
      const live = await page.locator("video").evaluateHandle((video) => video.srcObject.getTracks()[0]);
      await page.getByRole("button", { name: "Cancel" }).click();
      await page.locator("canvas.pad").waitFor();
      assert.equal(await live.evaluate((track) => track.readyState), "ended");
      // So it does when the view is left.
      await page.getByRole("button", { name: "Camera" }).click();
      const other = await page.locator("video").evaluateHandle((video) => video.srcObject.getTracks()[0]);
      await go("train");
      assert.equal(await other.evaluate((track) => track.readyState), "ended");
    });

    test("teach some digits, compare, and keep the new reader", async () => {
      await go("read");
      await page.setInputFiles("#file", `${root}samples/number.jpg`);
      await says("314159");
      // Half of them with the mouse, half typed.
      for (const [i, digit] of [..."314159"].entries()) {
        await page.locator(".chips .chip").nth(i).click();
        if (i % 2) await page.keyboard.press(digit);
        else await page.getByRole("button", { name: `It is a ${digit}`, exact: true }).click();
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

    test("many digits are loaded at once, and forgotten", async () => {
      await go("teach");
      const before = await page.locator(".tile").count();
      const digit = (i) => ({ label: i % 10, pixels: Buffer.from(Uint8Array.from({ length: 784 }, (_, at) => (at === i ? 255 : 0))).toString("base64") });
      const load = (text) => page.setInputFiles("input[type=file][accept*=json]", { name: "digits.json", mimeType: "application/json", buffer: Buffer.from(text) });
      const started = performance.now();
      await load(JSON.stringify({ version: 1, digits: [...Array(600).keys()].map(digit) }));
      await page.waitForFunction((n) => document.querySelectorAll(".tile").length === n, before + 600);
      assert.ok(performance.now() - started < 5_000, `${performance.now() - started} ms`);
      for (const [text, says] of [["no", "not JSON"], ["null", "no digits"], [JSON.stringify({ digits: [{ label: 1, pixels: "%" }] }), "no digits"]]) {
        await load(text);
        await page.locator(".notice", { hasText: says }).first().waitFor();
      }
      page.once("dialog", (dialog) => dialog.accept());
      await page.getByRole("button", { name: "Forget all" }).click();
      await page.waitForFunction(() => !document.querySelector(".tile"));
    });

    test("train, see the curve move, pause, step, stop", async () => {
      await go("train");
      await page.locator("#recipe option").first().waitFor({ state: "attached" });
      await page.selectOption("#recipe", "tutorial-97");
      await page.getByRole("spinbutton", { name: "Epochs" }).fill("3");
      const card = await start();
      await card.locator(".status", { hasText: "done" }).waitFor({ timeout: 60_000 });
      const dots = () => page.locator("svg.chart").nth(1).locator("circle").count();
      const before = await dots();
      assert.ok(before >= 3, `${before} points`);
      // Another, of one's own: a unit more, and one epoch at a time.
      await page.getByLabel("Units of layer 1").fill("33");
      const second = await start("Start paused");
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

    test("whatever a recipe can say can be chosen", async () => {
      await go("train");
      await page.locator("#recipe option").first().waitFor({ state: "attached" });
      // Every recipe that comes along goes through the form and comes out as it was.
      const text = page.getByLabel("The recipe's text");
      const examples = () => page.locator("figure.chip").first().waitFor();
      for (const name of await page.locator("#recipe option").allTextContents()) {
        await page.selectOption("#recipe", name);
        const meant = await page.evaluate(async (name) => (await (await fetch("/v1/recipes")).json()).find((r) => r.name === name).recipe, name);
        await page.evaluate(() => {
          const input = [...document.querySelectorAll("label.field")].find((l) => l.textContent === "Batch").querySelector("input");
          input.dispatchEvent(new Event("input"));
        });
        const toml = await text.inputValue();
        assert.ok(toml.includes(`layers = [${meant.network.layers.map((layer) => `"${layer}"`).join(", ")}]`), toml);
        // What the recipe says stands there, or what it leaves open at its default.
        const said = (key) => new RegExp(`\\b${key} = "?([^"\\n,}]*)"?`).exec(toml)?.[1].trim();
        const { augment, scenes, schedule, epochs, ...rest } = meant.training;
        for (const [key, value] of Object.entries({ ...rest, ...augment, ...scenes, ...schedule, ...meant.data })) {
          const same = typeof value === "number" ? Math.abs(Number(said(key)) - value) <= 1e-6 * Math.abs(value) : said(key) === String(value);
          assert.ok(same, `${name}: ${key} is ${said(key)}, not ${value}, in ${toml}`);
        }
        assert.equal(/^scenes = /m.test(toml), Boolean(scenes), name);
        assert.equal(/^augment = /m.test(toml), Boolean(augment), name);
      }
      // A convolution with everything on it, from the form alone, and it trains.
      await page.selectOption("#recipe", "tutorial-97");
      const add = async (kind) => {
        await page.getByLabel("Kind of layer to add").selectOption(kind);
        await page.getByRole("button", { name: "Add layer" }).click();
      };
      for (const kind of ["conv", "batch_norm", "max_pool", "dropout"]) await add(kind);
      // They stand before the last layer: to the front with them, and away with the first two.
      for (let i = 0; i < 2; i++) await page.getByRole("button", { name: "Remove layer 1", exact: true }).click();
      await page.getByLabel("Maps of layer 1").fill("4");
      await page.getByLabel("Stride of layer 1").fill("2");
      await page.getByLabel("Pad of layer 1").fill("1");
      await page.getByLabel("Rate of layer 4").fill("0.1");
      await page.getByLabel("Optimizer").selectOption("adamw");
      await page.getByLabel("Learning rate", { exact: true }).fill("0.005");
      await page.getByLabel("New run").getByLabel("Batch").fill("32");
      await page.getByText("More: rate over time").click();
      await page.getByLabel("Rate over time").selectOption("one_cycle");
      await page.getByLabel("Label smoothing").fill("0.05");
      await page.getByLabel("Averaging").fill("0.9");
      await page.getByText("Digits: how many").click();
      await page.getByText("Distort each digit").click();
      await page.getByLabel("Plain end, share").fill("0.2");
      await page.getByText("Photograph some").click();
      await page.getByLabel("Photographed, share").fill("0.1");
      await examples();
      await shoot("builder");
      const toml = await text.inputValue();
      for (const line of ['"conv 4 3x3 stride 2 pad 1", "batch_norm", "max_pool 2", "dropout 0.1", "dense 10"', 'optimizer = "adamw"', 'schedule = { kind = "one_cycle", warmup = 0.25 }', "label_smoothing = 0.05", "average = 0.9", "scenes = { share = 0.1, none = 0.0 }", "augment = { shift = 1.5", "plain = 0.2"]) assert.ok(toml.includes(line), `${line} in ${toml}`);
      await page.getByRole("spinbutton", { name: "Epochs" }).fill("2");
      const card = await start();
      await card.locator(".status", { hasText: "done" }).waitFor({ timeout: 90_000 });
      await card.getByText("All layers").click();
      await card.locator(".spreads svg").nth(1).waitFor();
      assert.equal(await card.locator(".spreads svg").count(), 2);
      await shoot("run");
      // What cannot be is said where the digits would be.
      await page.getByLabel("Units of layer 5").fill("9");
      await page.getByText("this one has 9").waitFor();
    });

    test("two runs side by side, each steered on its own", async () => {
      await go("train");
      await page.selectOption("#recipe", "book-2");
      await page.getByRole("spinbutton", { name: "Epochs" }).fill("1000"); // not over before it is stopped
      const [first, second] = [await start(), await start()];
      for (const card of [first, second]) await card.locator(".status", { hasText: "running" }).waitFor();
      await first.getByRole("button", { name: "Pause" }).click();
      await first.locator(".status", { hasText: "paused" }).waitFor();
      const epoch = (card) => card.locator(".facts b").first().innerText().then((text) => Number(text.split(" ")[0]));
      const [stands, runs] = [await epoch(first), await epoch(second)];
      // The rate of the other, turned all the way down.
      const rate = second.getByLabel("Learning rate, times the recipe's");
      await rate.focus();
      await page.keyboard.press("Home");
      await second.getByText("× 0.01").waitFor();
      await page.waitForFunction(async () => (await (await fetch("/v1/runs")).json()).some((run) => Math.abs(run.settings.rate - 0.01) < 1e-6));
      // Other settings, while it runs; what cannot be is said, and the field goes back.
      await second.getByText("Change while it runs").click();
      const change = async (label, value) => {
        await second.getByLabel(label).fill(value);
        await page.keyboard.press("Tab");
      };
      await change("Momentum", "0.5");
      await change("Turn, degrees", "10");
      await change("Noise, grey values", "20");
      await second.getByLabel("Slow motion").press("ArrowRight");
      await page.waitForFunction(async () => (await (await fetch("/v1/runs")).json()).some(({ settings, delay }) => settings.momentum === 0.5 && settings.augment?.rotate === 10 && settings.augment.noise === 20 && Math.abs(delay - 0.1) < 1e-6));
      await change("Dropout", "0.5");
      await page.getByText("the network has no dropout layer").waitFor();
      await page.waitForFunction((input) => input.value === "", await second.getByLabel("Dropout").elementHandle());
      await second.getByLabel("Slow motion").press("ArrowLeft");
      await shoot("settings");
      while ((await epoch(second)) <= runs + 1) await page.waitForTimeout(50);
      assert.equal(await epoch(first), stands);
      await first.getByRole("button", { name: "Go on" }).click();
      while ((await epoch(first)) <= stands) await page.waitForTimeout(50);
      await shoot("runs");
      for (const card of [first, second]) {
        await card.getByRole("button", { name: "Stop" }).click();
        await card.locator(".status", { hasText: "stopped" }).waitFor();
      }
    });

    test("a run that goes wrong says so, and helps itself at a click", async () => {
      await go("train");
      await page.selectOption("#recipe", "book-1");
      await page.getByLabel("New run").getByLabel("Learning rate", { exact: true }).fill("900");
      await page.getByRole("spinbutton", { name: "Epochs" }).fill("1000");
      const card = await start();
      // Too large a step: chance, from which it does not come back.
      await card.getByText("hardly better than chance").waitFor({ timeout: 30_000 });
      await card.getByRole("button", { name: "Rate × 0.1" }).click();
      await page.waitForFunction(async () => (await (await fetch("/v1/runs")).json()).some(({ settings }) => Math.abs(settings.rate - 0.1) < 1e-6));
      await card.getByRole("button", { name: "Stop" }).click();
      // Far too large: no numbers any more. The next try is at a tenth of that run's rate, whatever the form has now.
      await page.selectOption("#recipe", "book-1");
      await page.getByText("The recipe as text").click();
      const text = page.getByLabel("The recipe's text");
      await text.fill((await text.inputValue()).replaceAll('"sigmoid"', '"identity"').replace(/learning_rate = .*/, "learning_rate = 900"));
      const rate = page.getByLabel("New run").getByLabel("Learning rate", { exact: true });
      const failed = await start();
      await failed.locator(".status", { hasText: "failed" }).waitFor({ timeout: 30_000 });
      await page.selectOption("#recipe", "book-1");
      await failed.getByRole("button", { name: "Fill the form with a tenth of its rate" }).click();
      assert.equal(Number(await rate.inputValue()), 90);
    });

    test("look inside a convolution: its maps, its filters, its arithmetic", async () => {
      await go("train");
      await page.selectOption("#recipe", "lenet-5");
      await page.getByRole("spinbutton", { name: "Epochs" }).fill("1");
      const card = await start();
      await card.locator(".status", { hasText: "done" }).waitFor({ timeout: 90_000 });
      await page.waitForFunction(() => document.querySelector(".run .weights").children.length === 6);
      const model = await page.evaluate(async () => (await (await fetch("/v1/runs")).json()).at(-1).model);
      await page.waitForFunction((model) => [...document.querySelectorAll("#model option")].some((o) => o.value === model), model);
      await page.selectOption("#model", model);
      await go("inside");
      await page.locator(".maps").nth(5).waitFor({ state: "attached" });
      await page.locator("details:not([open]) > summary").evaluateAll((all) => all.forEach((one) => one.click()));
      // Three stages of 6 maps and three of 16; the filters are 5 by 5.
      assert.deepEqual(await page.locator(".maps").evaluateAll((all) => all.map((maps) => maps.querySelectorAll("canvas").length)), [6, 6, 6, 16, 16, 16]);
      assert.deepEqual(await page.locator("button[aria-label='Unit 3'] canvas").evaluate((canvas) => [canvas.width, canvas.height]), [5, 5]);
      // The second convolution's tenth map, at a place of our choice: what is said is what the network computed.
      await page.locator(".maps").nth(3).locator("button").nth(9).click();
      await page.waitForFunction(() => document.querySelector("[aria-label='One unit, spelled out'] .field input")?.value === "9");
      await page.getByLabel("Column").fill("4");
      await page.getByLabel("Column").press("Enter");
      await page.getByLabel("Row", { exact: true }).fill("7");
      await page.getByLabel("Row", { exact: true }).press("Enter");
      await page.waitForFunction(() => ["4", "7"].every((n, i) => document.querySelectorAll("[aria-label='One unit, spelled out'] .field input")[i + 1].value === n));
      await page.waitForFunction(() => document.querySelector("[aria-label='One unit, spelled out'] .formula")?.textContent.includes("tanh"));
      const spelled = async () => {
        const text = await page.locator("[aria-label='One unit, spelled out'] .formula").innerText();
        return text.replaceAll("−", "-").match(/-?[0-9.]+/g).map(Number);
      };
      const [sum, tanh] = await spelled();
      assert.ok(Math.abs(Math.tanh(sum) - tanh) < 2e-3, `tanh(${sum}) is not ${tanh}`);
      assert.equal(await page.locator(".window").count(), 3);
      // A switched-off map puts out nothing, and the accuracy moves.
      await page.locator("#switch-off").click();
      await page.locator("#worth").waitFor({ timeout: 60_000 });
      await page.waitForFunction(() => document.querySelector("[aria-label='One unit, spelled out'] .formula")?.textContent.startsWith("sum 0.000"));
      assert.deepEqual(await spelled(), [0, 0]);
      await shoot("convolution");
      await page.getByLabel("Name of the changed network").fill("pruned");
      await page.getByRole("button", { name: "Keep as a network of its own" }).click();
      await page.waitForFunction(() => document.querySelector("#model").value === "pruned");
      await page.selectOption("#model", "default");
      await page.evaluate(() => fetch("/v1/models/pruned", { method: "DELETE" }));
    });

    test("look inside, switch units off, and see the accuracy move", async () => {
      await go("inside");
      await page.locator(".weights button").nth(5).click();
      await page.locator("tr.best", { hasText: "sum" }).waitFor();
      await page.getByRole("heading", { name: "Layer 1, unit 5" }).waitFor();
      await page.locator("#switch-off").press("Enter");
      await page.locator("#worth").waitFor({ timeout: 30_000 });
      // Who works with the keyboard is still where they were.
      await page.getByText("Switch on again").waitFor();
      assert.equal(await page.evaluate(() => document.activeElement.id), "switch-off");
      // The warmer, the less sure, and the answer stays.
      const sure = () => page.locator("[aria-label='Softmax, step by step'] tr.best td").allInnerTexts();
      const cold = await sure();
      await page.getByLabel("Temperature").focus();
      await page.keyboard.press("End");
      const warm = await sure();
      assert.equal(warm[0], cold[0]);
      assert.ok(parseFloat(warm[4]) < parseFloat(cold[4]), `${cold} and ${warm}`);
      await shoot("inside");
    });

    test("weights cell by cell, linked with their unit and inputs; layers that fold", async () => {
      await go("inside");
      await page.selectOption("#model", "default");
      const layers = page.locator("[aria-label='From layer to layer'] details");
      await layers.nth(19).waitFor({ state: "attached" });
      // On a phone only the first layer is open.
      assert.equal(await layers.evaluateAll((all) => all.filter((one) => one.open).length), size === "phone" ? 1 : 20);
      await page.getByText("Point at a cell").waitFor();
      await page.waitForLoadState("networkidle");
      await layers.first().locator("button").nth(2).focus();
      assert.ok((await layers.first().locator("button.lit").count()) === 1 && (await page.locator(".input .lit").isVisible()));
      // The last layer: 11 units of 192 inputs are a window that moves.
      await page.locator("[aria-label='One unit, spelled out'] select").selectOption("19");
      const matrix = page.locator("[aria-label='Its layer’s weights, cell by cell']");
      await matrix.getByText("11 units × 192 inputs").waitFor();
      const cells = matrix.locator(".cells");
      await cells.focus();
      for (let i = 0; i < 30; i++) await page.keyboard.press("ArrowRight");
      await page.waitForFunction(() => /inputs 28 to 55/.test(document.querySelector(".cells").getAttribute("aria-label")));
      const said = await matrix.locator("[role=status]").innerText();
      const [, input, value] = /^Unit 0, value (\d+): ([−0-9.]+)$/.exec(said) ?? assert.fail(said);
      const weight = await page.evaluate(async (input) => (await (await fetch("/v1/models/default/weights?layer=19&count=1")).json()).weights[0][input], input);
      assert.ok(Math.abs(weight - Number(value.replace("−", "-"))) < 6e-4, `${said}, not ${weight}`);
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => document.querySelector("[aria-label='One unit, spelled out'] input").value === "1");
      if (shots) await matrix.screenshot({ path: `${shots}/matrix-${size}.png` });
    });

    test("what a word means can be searched, and every control says what it does", async () => {
      await go("words");
      const all = await page.locator("dt").count();
      await page.locator("#term").fill("smallest weights");
      assert.deepEqual(await page.locator("dt").allTextContents(), ["Pruning"]);
      await page.locator("#term").fill("qwertz");
      await page.getByText("No term has these words.").waitFor();
      await page.locator("#term").fill("");
      assert.ok(all > 30 && (await page.locator("dt").count()) === all);
      await shoot("words");
      for (const view of ["read", "train", "inside", "evaluate"]) {
        await go(view);
        await page.waitForTimeout(500);
        const bare = await page.locator("main :is(input:not([type=file]), select, textarea)").evaluateAll((controls) => controls.filter((one) => !one.title && !one.ariaDescription && !one.closest("[title]")).map((one) => one.ariaLabel ?? one.outerHTML.slice(0, 80)));
        assert.deepEqual(bare, [], view);
      }
    });

    test("noise on all weights and pruning cost accuracy, and are kept", async () => {
      await go("inside");
      await page.selectOption("#model", "default");
      await page.locator(".weights button").nth(5).waitFor();
      const undo = page.getByRole("button", { name: /^Undo all/ });
      if (await undo.isEnabled()) await undo.click();
      const worth = async () => (await page.locator("#worth").innerText()).match(/[0-9.]+(?= %)/g).map(Number);
      await page.getByLabel("Prune of all weights").focus();
      await page.keyboard.press("End");
      await page.waitForFunction(() => / → /.test(document.querySelector("#worth")?.textContent) && document.querySelector("#worth").nextSibling.textContent.endsWith("fewer right"));
      const [whole, pruned] = await worth();
      assert.ok(pruned < whole - 10, `${whole} and ${pruned}`);
      await page.getByLabel("Prune of all weights").press("Home");
      await page.waitForFunction(() => document.querySelector("#worth").nextSibling.textContent === "as many right as before");
      await page.getByLabel("Noise of all weights").focus();
      await page.keyboard.press("End");
      await page.waitForFunction(() => document.querySelector("#worth").nextSibling.textContent.endsWith("fewer right"));
      const [, noisy] = await worth();
      assert.ok(noisy < whole, `${whole} and ${noisy}`);
      await shoot("worth");
      await page.getByLabel("Name of the changed network").fill("noisy");
      await page.getByRole("button", { name: "Keep as a network of its own" }).click();
      await page.waitForFunction(() => document.querySelector("#model").value === "noisy");
      const kept = await page.evaluate(async () => (await (await fetch("/v1/models/noisy/evaluate", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" })).json()).accuracy);
      assert.equal((100 * kept).toFixed(2), noisy.toFixed(2));
      await page.selectOption("#model", "default");
      await page.evaluate(() => fetch("/v1/models/noisy", { method: "DELETE" }));
    });

    test("evaluate, and open a cell of the confusion matrix", async () => {
      await go("evaluate");
      await page.locator(".matrix button:enabled").first().waitFor({ timeout: 30_000 });
      await page.locator(".matrix button:enabled").first().click();
      assert.match(await page.locator("#mistakes").innerText(), /read as/);
      await page.waitForFunction(() => document.querySelectorAll("svg.chart").length === 6, null, { timeout: 60_000 });
      await page.locator("canvas.map").waitFor();
      await page.locator("canvas.map").hover();
      await page.locator(".seen canvas").waitFor();
      await shoot("evaluate");
      // The map by keyboard: to the right of where we are, then to the next misread digit, then inside.
      const mark = () => page.locator(".mark").evaluate(({ style }) => parseFloat(style.left));
      const from = await mark();
      await page.locator("canvas.map").focus();
      await page.keyboard.press("ArrowRight");
      assert.ok((await mark()) > from);
      await page.keyboard.press("m");
      await page.locator(".seen", { hasText: "read as" }).waitFor();
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => location.hash === "#inside");
      await go("evaluate");
      // The same digits by t-SNE, and the keyboard goes about there too.
      await page.locator("canvas.map").evaluate((canvas) => (canvas.dataset.old = "yes"));
      await page.selectOption("#by", "tsne");
      await page.locator("canvas.map:not([data-old])").waitFor({ timeout: 30_000 });
      await page.locator("canvas.map").focus();
      await page.keyboard.press("ArrowLeft");
      await page.locator(".seen canvas").waitFor();
      await page.locator("canvas.map").scrollIntoViewIfNeeded();
      if (shots) await page.locator("[aria-label='A map of the digits']").screenshot({ path: `${shots}/tsne-${size}.png` });
      // Answers only what it is sure of: fewer, and more of them right.
      const share = async () => (await page.locator("[aria-label='If it may say “I do not know”'] p[role=status]").innerText()).match(/[0-9.]+(?= %)/g).map(Number);
      const slider = page.getByLabel("Confidence from which it answers");
      await slider.focus();
      await page.keyboard.press("Home");
      const [all, right] = await share();
      await page.keyboard.press("End");
      const [some, surer] = await share();
      assert.ok(all === 100 && some < all && surer >= right, `${all} ${right} ${some} ${surer}`);
      // Harder digits: fewer are right.
      const accuracy = async () => parseFloat(await page.locator(".versus .value").first().innerText());
      const easy = await accuracy();
      await page.selectOption("#harder", "rotation");
      await page.waitForFunction((easy) => parseFloat(document.querySelector(".versus .value").textContent) < easy, easy);
      await page.selectOption("#harder", "");
    });

    test("nothing is wider than the screen", async () => {
      for (const view of ["read", "teach", "train", "inside", "evaluate", "words"]) {
        await go(view);
        await page.waitForTimeout(200);
        const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(wide <= screen, `${view}: ${wide} on a screen of ${screen}`);
      }
    });
  });
}
