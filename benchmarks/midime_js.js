// Trains magenta.js' MidiMe on the z's of a JSON file; prints one JSON line. Run by benchmarks.persona_speed.
const { readFileSync } = require("fs");
const [, , modules, file, epochs] = process.argv;
console.log = () => {};
const began = process.hrtime.bigint();
const mvae = require(`${modules}/@magenta/music/node/music_vae`);
const tf = require(`${modules}/@tensorflow/tfjs`);
const seconds = (since) => Number(process.hrtime.bigint() - since) / 1e9;
(async () => {
  const { z } = JSON.parse(readFileSync(file));
  await tf.setBackend("cpu");
  const loaded = seconds(began);
  const x = tf.tensor2d(z);
  const midime = new mvae.MidiMe({ epochs: Number(epochs), input_size: z[0].length });
  midime.initialize();
  const losses = [];
  const start = process.hrtime.bigint();
  const used = process.cpuUsage();
  await midime.train(x, (_, told) => losses.push([told.total, ...told.losses]));
  const took = seconds(start);
  const { user, system } = process.cpuUsage(used);
  const told = { loaded, seconds: took, cpu: (user + system) / 1e6, losses, backend: tf.getBackend() };
  process.stdout.write(JSON.stringify(told) + "\n");
})();
