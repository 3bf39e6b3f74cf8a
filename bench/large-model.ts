// Reads and writes a synthetic model of 1 GiB (or argument 1, in MiB), each step in a process of its own, beside a plain
// copy of the same bytes: wall time and peak memory (VmHWM, Linux). Then `whet simplify` of a network of 100 MB of weights,
// the whole process, with its proof and without. Run after a build: node dist/bench/large-model.js
import { spawnSync } from 'node:child_process'
import { closeSync, fsyncSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inMemory, type Model, parseModel, type Tensor, tensorOf } from '../src/ir/index.ts'
import { readModel, writeModel } from '../src/onnx/index.ts'
import { type ProcessRun, timed } from './whole-process.ts'

const MIB = 1 << 20
const TENSOR_MIB = 16

function synthetic(mebibytes: number): Model {
  const model = parseModel('<ir_version: 8, opset_import: ["" : 17]> g (float[1] x) => (float[1] y) { y = Abs(x) }')
  const tensors = Array.from({ length: mebibytes / TENSOR_MIB }, (_, i): [string, Tensor] => {
    // A multiplicative generator: no page of zeros that a file system could leave out.
    const words = new Uint32Array((TENSOR_MIB * MIB) / 4)
    for (let j = 0, state = i + 1; j < words.length; j++)
      words[j] = state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const data = { form: 'raw', bytes: inMemory(new Uint8Array(words.buffer)) } as const
    return [`w${i}`, { name: `w${i}`, dtype: 'uint32', dims: [words.length], data }]
  })
  return { ...model, graph: { ...model.graph, initializers: new Map(tensors) } }
}

/** So many layers of 4 MB; names of odd lengths, so that weights do not lie aligned in the file. */
const LAYERS = 25
const WIDTH = 1024

function network(): Model {
  const layers = Array.from({ length: LAYERS }, (_, i) => i)
  const body = layers.map(
    (i) => `m${i} = MatMul(${i === 0 ? 'x' : `r${i - 1}`}, w${i}) a${i} = Add(m${i}, b${i}) r${i} = Relu(a${i})`,
  )
  const model = parseModel(
    `<ir_version: 8, opset_import: ["" : 17]> g (float[N,${WIDTH}] x) => (float[N,${WIDTH}] y) { ${body.join(' ')} y = Abs(r${LAYERS - 1}) }`,
  )
  const random = (dims: readonly number[], seed: number, most: number, name: string): [string, Tensor] => {
    const values = new Float32Array(dims.reduce((a, b) => a * b, 1))
    for (let i = 0, state = seed + 1; i < values.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      values[i] = (state / 2 ** 31 - 1) * most
    }
    return [name, tensorOf('float32', dims, values, name)]
  }
  const initializers = new Map(
    layers.flatMap((i) => [
      random([WIDTH, WIDTH], i, 1 / Math.sqrt(WIDTH / 3), `w${i}`),
      random([WIDTH], i + LAYERS, 0.1, `b${i}`),
    ]),
  )
  return { ...model, docString: 'odd', graph: { ...model.graph, initializers } }
}

async function plainRead(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r')
  const { size } = await file.stat()
  const bytes = Buffer.allocUnsafeSlow(size)
  for (let at = 0; at < size; ) at += (await file.read(bytes, at, Math.min(1 << 28, size - at), at)).bytesRead
  await file.close()
  return bytes
}

function plainWrite(path: string, bytes: Uint8Array): void {
  const fd = openSync(path, 'w')
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, Math.min(1 << 28, bytes.length - at))
  fsyncSync(fd)
  closeSync(fd)
}

const peakBytes = () => {
  const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))
  return Number(line?.[1] ?? Number.NaN) * 1024
}

const STEPS: Readonly<Record<string, (path: string, mebibytes: number) => Promise<number>>> = {
  async make(path, mebibytes) {
    await writeModel(synthetic(mebibytes), path)
    return 0
  },
  async 'plain read'(path) {
    const started = performance.now()
    await plainRead(path)
    return performance.now() - started
  },
  async 'read model'(path) {
    const started = performance.now()
    await readModel(path)
    return performance.now() - started
  },
  async 'plain read, then write'(path) {
    const bytes = await plainRead(path)
    const started = performance.now()
    plainWrite(`${path}.copy`, bytes)
    return performance.now() - started
  },
  async 'read model, then write'(path) {
    const model = await readModel(path)
    const started = performance.now()
    await writeModel(model, `${path}.copy`)
    return performance.now() - started
  },
  async 'read model, then write weights beside'(path) {
    const model = await readModel(path)
    const started = performance.now()
    await writeModel(model, `${path}.copy`, { externalData: true })
    return performance.now() - started
  },
}

const [first, path, size] = process.argv.slice(2)
if (first !== undefined && first in STEPS) {
  const ms = await STEPS[first]!(path!, Number(size))
  console.log(JSON.stringify({ ms, peakBytes: peakBytes() }))
} else {
  const mebibytes = Number(first ?? 1024)
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-large-'))
  const model = join(folder, 'model.onnx')
  try {
    for (const step of Object.keys(STEPS)) {
      const run = spawnSync(
        process.execPath,
        [...process.execArgv, fileURLToPath(import.meta.url), step, model, String(mebibytes)],
        { encoding: 'utf8' },
      )
      if (run.status !== 0) throw new Error(run.stderr)
      const { ms, peakBytes: peak } = JSON.parse(run.stdout) as { ms: number; peakBytes: number }
      const bytes = statSync(model).size
      if (step === 'make') console.log(`model of ${bytes} bytes`)
      else console.log(`${step}: ${ms.toFixed(0)} ms, peak ${(peak / bytes).toFixed(3)}× the file`)
    }
    await writeModel(network(), model)
    console.log(`network of ${statSync(model).size} bytes`)
    const whet = join(fileURLToPath(import.meta.url), '../../whet/main.js')
    for (const more of [[], ['--no-verify']]) {
      const words = ['simplify', model, '-o', `${model}.simple`, ...more]
      // Three times, the middle one: the first reads the program from the disk.
      const runs: ProcessRun[] = []
      for (let i = 0; i < 3; i++) runs.push(await timed(process.execPath, [whet, ...words]))
      const { seconds, peakBytes: peak, failed } = runs.sort((a, b) => a.seconds - b.seconds)[1]!
      if (failed) throw new Error(failed)
      console.log(
        `${['whet simplify', ...more].join(' ')}: ${seconds.toFixed(2)} s, largest process ${((peak ?? 0) / MIB).toFixed(0)} MB`,
      )
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
