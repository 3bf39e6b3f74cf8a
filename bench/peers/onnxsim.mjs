// npm onnxsim on one model. usage: onnxsim.mjs MODEL OUT. Prints one JSON line.
import { readFileSync, writeFileSync } from 'node:fs'

const [model, out] = process.argv.slice(2)
const started = performance.now()
const { simplify } = await import('onnxsim')
const result = await simplify(readFileSync(model))
writeFileSync(out, result.model ?? result)
console.log(
  JSON.stringify({ seconds: (performance.now() - started) / 1000, peakBytes: process.resourceUsage().maxRSS * 1024 }),
)
