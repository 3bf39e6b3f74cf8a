// Models that nothing here was made with: every NAME.onnx of a folder that has its rows beside it as NAME.npz (a column
// `label` where there are labels), against the usual tools, as `npm run bench` does with the known ones. Run after a build:
//   node dist/bench/unseen.js prepare FOLDER WORK [NAME…]   optimizes, and lets the other tools at them; files to WORK
//   node dist/bench/unseen.js race FOLDER WORK [NAME…]      times what is prepared by turns: keep the machine quiet
//   node dist/bench/unseen.js page WORK [NAME…]             the table of all that was timed
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { openDataset } from '../src/data/index.ts'
import { inputsOf } from '../src/engine/index.ts'
import type { Case } from './cases.ts'
import { type Prepared, prepare, race } from './measure.ts'
import { lackingIn, machineLines, type Result, resultLine, resultsPage } from './results.ts'

const SEARCH_MS = 90_000

const [verb, ...rest] = process.argv.slice(2)
if (verb === 'page') {
  const [work, ...names] = rest as [string, ...string[]]
  const wanted = (name: string) => names.length === 0 || names.includes(name)
  const timed = readdirSync(work).filter((name) => wanted(name) && existsSync(join(work, name, 'result.json')))
  const results: Result[] = []
  for (const name of timed) {
    const result: Result = JSON.parse(readFileSync(join(work, name, 'result.json'), 'utf8'))
    const lacking = lackingIn(result)
    if (lacking.length === 0) results.push(result)
    else {
      process.stderr.write(
        `${name}: left out, made by an older version (no ${lacking.join(', ')}): prepare and race it\n`,
      )
      process.exitCode = 1
    }
  }
  process.stdout.write(`${resultsPage(results, machineLines())}\n`)
} else if (verb === 'prepare' || verb === 'race') {
  const [folder, work, ...names] = rest as [string, string, ...string[]]
  for (const one of unseenCases(folder)) {
    if (names.length > 0 && !names.includes(one.id)) continue
    const place = resolve(work, one.id)
    mkdirSync(place, { recursive: true })
    try {
      if (verb === 'prepare') {
        const prepared = await prepare(one, place, SEARCH_MS)
        writeFileSync(join(place, 'prepared.json'), JSON.stringify(prepared, null, 1))
        process.stdout.write(`${one.id}: ${prepared.chosen}: ${prepared.sentence}\n`)
      } else if (existsSync(join(place, 'prepared.json'))) {
        const prepared: Prepared = JSON.parse(readFileSync(join(place, 'prepared.json'), 'utf8'))
        const result = await race(one, place, prepared)
        writeFileSync(join(place, 'result.json'), JSON.stringify(result, null, 1))
        process.stdout.write(`${resultLine(result)}\n`)
      }
    } catch (error) {
      process.stdout.write(`${one.id}: failed: ${error instanceof Error ? error.message : String(error)}\n`)
      process.exitCode = 1
    }
  }
} else {
  process.stderr.write('usage: unseen.js prepare|race FOLDER WORK [NAME…], or page WORK [NAME…]\n')
  process.exitCode = 2
}
process.exit(process.exitCode)

function unseenCases(folder: string): readonly Case[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.onnx'))
    .map((name) => name.slice(0, -'.onnx'.length))
    .filter((id) => existsSync(join(folder, `${id}.npz`)))
    .map((id) => ({
      id,
      path: join(folder, `${id}.onnx`),
      headline: true,
      data: (model) => openDataset(join(folder, `${id}.npz`), { inputs: inputsOf(model) }),
    }))
}
