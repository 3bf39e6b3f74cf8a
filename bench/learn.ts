import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '../src/index.ts'
import type { ComparisonReport } from '../src/report/index.ts'
import { fashionRows } from './fashion-rows.ts'
import { type Judged, learningPage } from './learning-page.ts'
import { ROOT } from './repository.ts'

/**
 * What learning gives on all of Fashion-MNIST: a student of `resnet-fashion`, and the same network with half of its
 * work pruned away, made by the product's own verbs.
 *
 * `node dist/bench/learn.js [FOLDER] [STEP]…` after a build, with WHETSTONE_ZOO and Debian's `dataset-fashion-mnist`.
 * The steps, all of them unless named: rows, student, pruned, integers, judge, time, page. They leave what they made
 * in FOLDER, so that they can be done one by one; Ctrl-C in `student` or `pruned` keeps the state, and the same command
 * goes on. `page` writes bench/RESULTS-learning.md.
 */
const STUDENT =
  '--resolution 0.5 --depth 0.5 --augment flip,crop --epochs 24 --batch 128 --rate 0.004 --teacher-share 0.5 --margin 0.015'
const PRUNED = '--macs 0.5 --epochs 6 --batch 128 --rate 0.003 --teacher-share 0.7 --margin 0.01'

const folder = process.argv[2] ?? join(tmpdir(), 'whetstone-learn')
const at = (name: string) => join(folder, name)
const zoo = process.env.WHETSTONE_ZOO

const steps: Readonly<Record<string, () => void | Promise<void>>> = {
  async rows() {
    const { facts } = await fashionRows(needed(), folder)
    writeFileSync(at('rows.json'), JSON.stringify(facts))
  },
  student() {
    // A finished run has its report; what was left before that goes on from its checkpoint.
    whet(`distil ${teacher()} ${ROWS} ${STUDENT} -o ${at('student')} ${resumed(at('student/checkpoint.bin'))}`)
  },
  pruned() {
    const out = at('pruned.onnx')
    keep('pruned.json', whet(`prune ${teacher()} ${ROWS} ${PRUNED} -o ${out} ${resumed(`${out}.checkpoint`)}`))
  },
  integers() {
    for (const [from, to] of [
      ['student/model.onnx', 'student-int8.onnx'],
      ['pruned.onnx', 'pruned-int8.onnx'],
    ] as const)
      whet(
        `quantize ${at(from)} --scheme static-int8 --samples 512 --data ${join(needed(), 'data/fashion-calib.npz')} -o ${at(to)}`,
      )
  },
  judge() {
    const judged = models().map(({ path, words, margin }): Judged => {
      const on = (rows: string) =>
        whet<ComparisonReport>(`compare ${teacher()} ${path} --data ${rows} --margin ${margin}`)
      return { words, margin, whole: on(at('fashion-test.npz')), zoo: on(join(needed(), 'data/fashion-test.npz')) }
    })
    keep('judged.json', judged)
  },
  time() {
    const paths = models().map(({ path }) => path)
    keep('time.json', whet(`bench ${[teacher(), ...paths].join(' ')} --data ${at('fashion-test.npz')} --duration 40`))
  },
  page() {
    const page = learningPage({
      facts: kept('rows.json'),
      student: kept('student/report.json'),
      pruned: kept('pruned.json'),
      judged: kept('judged.json'),
      time: kept('time.json'),
      commands: [`whet distil resnet-fashion.onnx ${STUDENT}`, `whet prune resnet-fashion.onnx ${PRUNED}`],
    })
    const path = join(ROOT, 'bench/RESULTS-learning.md')
    // Sections are of other benchmarks, and stay.
    const sections = existsSync(path) ? (readFileSync(path, 'utf8').match(/\n## [\s\S]*$/)?.[0] ?? '') : ''
    writeFileSync(path, page + sections)
    process.stdout.write(page)
  },
}

const ROWS = `--data ${at('fashion-train.npz')} --proof ${at('fashion-test.npz')}`

try {
  mkdirSync(folder, { recursive: true })
  const named = process.argv.slice(3)
  const unknown = named.find((step) => !Object.hasOwn(steps, step))
  if (unknown !== undefined)
    throw new UserError('bad-argument', `There is no step "${unknown}".`, { hint: Object.keys(steps).join(', ') })
  for (const step of named.length > 0 ? named : Object.keys(steps)) {
    process.stderr.write(`${step}\n`)
    await steps[step]!()
  }
} catch (error) {
  if (!(error instanceof UserError)) throw error
  process.stderr.write(`${error.message}\n${error.hint ?? ''}\n`)
  process.exit(2)
}
process.exit()

function needed(): string {
  if (zoo) return zoo
  throw new UserError('missing-file', 'This measurement needs the zoo with resnet-fashion.onnx and its rows.', {
    hint: 'set WHETSTONE_ZOO to its folder',
  })
}

function teacher(): string {
  return join(needed(), 'models/resnet-fashion.onnx')
}

function models() {
  return [
    { path: at('student/model.onnx'), words: 'student', margin: 0.015 },
    { path: at('student-int8.onnx'), words: 'student in integers', margin: 0.015 },
    { path: at('pruned.onnx'), words: 'pruned', margin: 0.01 },
    { path: at('pruned-int8.onnx'), words: 'pruned, in integers', margin: 0.01 },
  ]
}

function resumed(checkpoint: string): string {
  return existsSync(checkpoint) ? '--resume' : ''
}

/** Runs a verb to its end and gives its report; a verdict other than `pass` is a result as well. */
function whet<T>(words: string): T {
  const main = join(ROOT, 'dist/src/cli/main.js')
  const { status, stdout } = spawnSync(process.execPath, [main, ...words.trim().split(/\s+/), '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
    encoding: 'utf8',
  })
  // Stopped, or not to be done: the verb has said why.
  if (status !== 0 && status !== 1 && status !== 3) process.exit(status ?? 130)
  return JSON.parse(stdout)
}

function keep(name: string, report: unknown): void {
  writeFileSync(at(name), JSON.stringify(report))
}

function kept<T>(name: string): T {
  if (existsSync(at(name))) return JSON.parse(readFileSync(at(name), 'utf8'))
  throw new UserError('missing-file', `${at(name)} is not there yet.`, {
    hint: `run the steps before it: node dist/bench/learn.js ${folder}`,
  })
}
