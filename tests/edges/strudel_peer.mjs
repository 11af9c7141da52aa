// Real Strudel without its page: evaluates a snippet as strudel.cc does and triggers its events through osc().
//   node strudel_peer.mjs FOLDER-WITH-NODE_MODULES SNIPPET PORT
import { readFileSync } from 'node:fs'
import { createRequire, register } from 'node:module'
import { pathToFileURL } from 'node:url'

// @strudel/core asks for a module of the page's own synthesiser, which nothing here needs
register('data:text/javascript,' + encodeURIComponent(`
export const resolve = (name, context, next) => name === '@kabelsalat/web'
  ? { url: 'data:text/javascript,export class SalatRepl {}', shortCircuit: true } : next(name, context)
`))

const [folder, snippet, port] = process.argv.slice(2)
const home = createRequire(`${folder}/`)
const load = (name) => import(new URL(`node_modules/${name}`, pathToFileURL(`${folder}/`)).href)

globalThis.WebSocket ??= home('ws')
const core = await load('@strudel/core/dist/index.mjs')
const mini = await load('@strudel/mini/dist/index.mjs')
const osc = await load('@strudel/osc/dist/index.mjs')
const { transpiler } = await load('@strudel/transpiler/dist/index.mjs')
await core.evalScope(core, mini, osc)

const text = readFileSync(snippet, 'utf8').replaceAll('7770', port)
const { pattern } = await core.evaluate(text, transpiler)
const cps = 2
for (const hap of pattern.queryArc(0, 4).filter((hap) => hap.hasOnset())) {
  await hap.context.onTrigger(hap, 0, cps, 0.3 + hap.whole.begin / cps)
}
setTimeout(() => process.exit(0), 300)
