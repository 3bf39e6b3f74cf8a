import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Dataset } from '../src/data/index.ts'
import type { PortValue } from '../src/engine/index.ts'
import { feedsOf } from '../src/evaluate/index.ts'
import { writeNpz } from './write-npz.ts'

/** How a whole process went: wall time, the largest resident size of it or a child, and what it printed. */
export interface ProcessRun {
  readonly seconds: number
  readonly peakBytes: number | null
  readonly stdout: string
  readonly failed: string | null
}

/** The repository, from the compiled bench as well as from the source. */
export const ROOT = (() => {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
})()

/** A peer that has not ended by then has failed. */
const PATIENCE_MS = 60_000

/** Runs a command in `cwd` to its end, watching the resident size of it and its children (Linux; null elsewhere). */
export async function timed(command: string, args: readonly string[], cwd = process.cwd()): Promise<ProcessRun> {
  const started = performance.now()
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd })
  let [stdout, stderr, peak] = ['', '', 0]
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  const watch = setInterval(() => (peak = Math.max(peak, largestOf(child.pid!))), 20)
  let late = false
  const limit = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, PATIENCE_MS)
  const code = await new Promise<number | null>((done) => {
    child.on('close', done)
    child.on('error', () => done(null))
  })
  clearInterval(watch)
  clearTimeout(limit)
  const failed = late
    ? `no end after ${PATIENCE_MS / 1000} s`
    : code === 0
      ? null
      : stderr.trim().split('\n').at(-1) || `exit ${code}`
  return { seconds: (performance.now() - started) / 1000, peakBytes: peak || null, stdout, failed }
}

/** VmHWM of the largest process in the tree below `pid`. */
function largestOf(pid: number): number {
  try {
    const kilobytes = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number)
    return Math.max(kilobytes * 1024, ...children.map(largestOf))
  } catch {
    return 0
  }
}

/** Writes the first rows as feeds of the model, an `.npz` that both our command and the Python script read. */
export async function writeFeeds(
  path: string,
  data: Dataset,
  inputs: readonly PortValue[],
  rows: number,
): Promise<void> {
  const columns: Record<string, { dtype: string; dims: number[]; parts: Uint8Array[] }> = {}
  const indices = Array.from({ length: Math.min(rows, data.rows) }, (_, i) => i)
  for await (const batch of data.read({ indices, batch: 1 }))
    for (const [name, { dtype, dims, data: values }] of Object.entries(feedsOf(batch, inputs, data))) {
      const { buffer, byteOffset, byteLength } = values as Uint8Array
      const column = (columns[name] ??= { dtype, dims: [0, ...dims.slice(1)], parts: [] })
      column.dims[0]! += dims[0]!
      column.parts.push(new Uint8Array(buffer, byteOffset, byteLength))
    }
  writeNpz(
    path,
    Object.fromEntries(
      Object.entries(columns).map(([name, { dtype, dims, parts }]) => [
        name,
        { dtype, dims, bytes: Buffer.concat(parts) },
      ]),
    ),
  )
}

export interface PythonResult {
  readonly steps: Readonly<Record<string, { readonly seconds?: number; readonly failed?: string }>>
  readonly staticSeconds: number
  readonly staticPeakBytes: number
}

/** The Python quantizers; null where Debian's python3-onnx and python3-onnxruntime are not installed. */
export async function pythonQuantizers(
  model: string,
  feeds: string,
  out: string,
): Promise<{ run: ProcessRun; result: PythonResult } | null> {
  mkdirSync(out, { recursive: true })
  // In its own folder: where shape inference fails, the tool leaves a model of its own in the current one.
  const args = [join(ROOT, 'bench/peers/ort_quantize.py'), resolve(model), resolve(feeds), resolve(out)]
  const run = await timed('/usr/bin/python3', args, out)
  const line = run.stdout.trim().split('\n').at(-1)
  return run.failed || !line ? null : { run, result: JSON.parse(line) }
}

/** npm onnxsim. */
export function onnxsim(model: string, out: string): Promise<ProcessRun> {
  return timed(process.execPath, [join(ROOT, 'bench/peers/onnxsim.mjs'), resolve(model), out])
}
