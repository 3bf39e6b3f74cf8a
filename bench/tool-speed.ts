// What static quantization costs as a user waits for it: `whet quantize` beside the Python tool, the same model and rows,
// each from the start of its process to its end, by turns. Our process proves its file on top (equal answers of the
// lossless model, kernels read back, noise by layer, batch neighbours); the Python one only writes it. That one runs twice:
// without PyTorch, and as it does where PyTorch is installed, which it then loads.
// Run after a build: node dist/bench/tool-speed.js [CASE…]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openIsolated } from '../src/engine/index.ts'
import { readModel } from '../src/index.ts'
import { median } from '../src/statistics/index.ts'
import { type Case, casesOf } from './cases.ts'
import { pythonQuantizer, whetQuantize, writeFeeds } from './peers.ts'
import type { ProcessRun } from './whole-process.ts'
import { megabytes } from './words.ts'

const ROWS = 16
/** Turns that are timed and not looked at, and turns in which it is seen what they take. */
const ROUNDS = 5
const LOOKS = 3

const wanted = process.argv.slice(2)
for (const one of casesOf(process.env.WHETSTONE_ZOO))
  if (wanted.length === 0 ? one.headline : wanted.includes(one.id)) process.stdout.write(`${await compared(one)}\n`)
process.exit()

async function compared(one: Case): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-tool-'))
  try {
    const model = await readModel(one.path)
    const feeds = join(folder, 'feeds.npz')
    const session = await openIsolated(model)
    const data = (await one.calibration?.(model, folder)) ?? (await one.data(model, folder))
    await writeFeeds(feeds, data, session.inputs, ROWS)
    await session.close()
    const turns: { readonly runs: readonly ProcessRun[]; readonly watched: boolean }[] = []
    let names = ['Python']
    for (let round = 0; round < ROUNDS + LOOKS; round++) {
      const watched = round >= ROUNDS
      const ours = await whetQuantize(one.path, feeds, join(folder, 'ours.onnx'), watched)
      const runs = [ours]
      for (const withTorch of names.length > 1 || round === 0 ? [false, true] : [false]) {
        const python = await pythonQuantizer('static', one.path, feeds, join(folder, 'python'), { watched, withTorch })
        const failed = python.failed ?? ours.failed
        if (failed !== null) return `${one.id}: ${failed}`
        runs.push(python.run)
        if (python.torch) names = ['Python', 'Python with PyTorch']
      }
      turns.push({ runs, watched })
    }
    const line = (name: string, of: (run: ProcessRun) => number | null, words: (value: number) => string) => {
      const seen = turns.filter(({ watched }) => watched === (name !== 'wall'))
      const [own, ...others] = [...Array(names.length + 1).keys()].map((i) =>
        median(seen.map(({ runs }) => of(runs[i]!) ?? Number.NaN)),
      )
      const against = others.map((value, i) => `${names[i]} ${words(value)} (ratio ${(own! / value).toFixed(2)})`)
      return `  ${name}: ${words(own!)}, ${against.join(', ')}`
    }
    const seconds = (value: number) => `${value.toFixed(2)} s`
    return [
      `${one.id} (medians of ${ROUNDS} turns, what they take of ${LOOKS} others)`,
      line('wall', (run) => run.seconds, seconds),
      line('processor', (run) => run.cpuSeconds, seconds),
      line('peak of the largest process', (run) => run.peakBytes, megabytes),
      line('peak of all processes together', (run) => run.sumBytes, megabytes),
    ].join('\n')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
