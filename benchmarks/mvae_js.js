// Decodes with magenta.js, greedily, for livevae's `bench decode`: see bench/peers.py. Arguments: node_modules, backend, folder.
const { readFileSync } = require("fs");
const http = require("http");
const { basename, join } = require("path");
const [, , modules, backend, folder] = process.argv;
const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");
console.log = () => {};
const mvae = require(join(modules, "@magenta/music/node/music_vae"));
const tf = require(join(modules, "@tensorflow/tfjs"));
const version = require(join(modules, "@magenta/music/package.json")).version;
(async () => {
  if (backend === "wasm") {
    globalThis.fetch = undefined; // else it fetches its own binary, which is a file
    const wasm = require(join(modules, "@tensorflow/tfjs-backend-wasm"));
    wasm.setWasmPaths(join(modules, "@tensorflow/tfjs-backend-wasm/dist/"));
  }
  if (!(await tf.setBackend(backend))) throw new Error(`the backend ${backend} does not start`);
  const found = JSON.parse(readFileSync(join(folder, "case.json")));
  const spec = {
    type: "MusicVAE",
    dataConverter: { type: "MelodyConverter", args: { numSteps: found.steps, minPitch: 21, maxPitch: 108 } },
  };
  // magenta.js fetches its checkpoints: serve the folder to it
  const server = http.createServer((request, answer) => answer.end(readFileSync(join(folder, basename(request.url)))));
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const model = new mvae.MusicVAE(`http://127.0.0.1:${server.address().port}`, spec);
  await model.initialize();
  server.close();
  const z = found.z.map((row) => tf.tensor2d([row]));
  const decode = async (number) => {
    const begun = process.hrtime.bigint();
    const out = await model.decodeTensors(z[number], undefined);
    const tokens = tf.tidy(() => out.argMax(2).as1D());
    const played = Array.from(await tokens.data());
    const ms = Number(process.hrtime.bigint() - begun) / 1e6;
    out.dispose();
    tokens.dispose();
    return { ms, tokens: played };
  };
  await decode(0);
  say({ ready: `magenta.js ${version}, ${tf.getBackend()}, greedy` });
  for await (const line of require("readline").createInterface({ input: process.stdin })) {
    say(await decode(Number(line.split(" ")[0])));
  }
  process.exit(0);
})().catch((error) => {
  console.error(String(error.stack || error).split("\n").slice(0, 1).join(""));
  process.exit(1);
});
