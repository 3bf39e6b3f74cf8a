import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Dataset } from '../src/data/index.ts'
import type { PortValue } from '../src/engine/index.ts'
import { feedsOf } from '../src/evaluate/index.ts'
import { writeNpz } from './write-npz.ts'

/** How a whole process went, from its start to its end, its children with it; what it printed. */
export interface ProcessRun {
  /** Wall time. */
  readonly seconds: number
  /** Processor time of it and its children, to about 20 ms; null where it cannot be read (not Linux). */
  readonly cpuSeconds: number | null
  /** The largest resident size that it or a child of it ever had. */
  readonly peakBytes: number | null
  /** The most that it and all its children held at one moment; a page that several share counts once (PSS). */
  readonly sumBytes: number | null
  readonly stdout: string
  readonly failed: string | null
}

/** The repository, from the compiled bench as well as from the source. */
export const ROOT = (() => {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
})()

interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly watched?: boolean
}

/** A peer that has not ended by then has failed. */
const PATIENCE_MS = 60_000

/**
 * Runs a command in `cwd` to its end, watching what it and its children take. To tell memory the system walks through
 * all pages of every process and holds it up meanwhile, so where time is what counts, nothing but the time is looked at.
 */
export async function timed(
  command: string,
  args: readonly string[],
  { cwd = process.cwd(), env = {}, watched = true }: RunOptions = {},
): Promise<ProcessRun> {
  // Of the machine and not of what is measured: Node 20 reads these certificates whenever it starts, 40 ms for a system's.
  const { NODE_EXTRA_CA_CERTS: _, ...own } = process.env
  const started = performance.now()
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd, env: { ...own, ...env } })
  let [stdout, stderr] = ['', '']
  let [cpu, peak, sum] = [0, 0, 0]
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  let look = 0
  const lookAtIt = () => {
    const shares = look++ % SHARES_EVERY === 0
    const tree = treeOf(child.pid!, shares)
    cpu = Math.max(cpu, tree.cpuSeconds)
    peak = Math.max(peak, tree.peakBytes)
    if (shares) sum = Math.max(sum, tree.bytes)
  }
  const watch = watched ? setInterval(lookAtIt, 20) : undefined
  let late = false
  const limit = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, PATIENCE_MS)
  const code = await new Promise<number | null>((done) => {
    child.on('close', done)
    child.on('error', () => done(null))
  })
  const seconds = (performance.now() - started) / 1000
  clearInterval(watch)
  clearTimeout(limit)
  const failed = late
    ? `no end after ${PATIENCE_MS / 1000} s`
    : code === 0
      ? null
      : stderr.trim().split('\n').at(-1) || `exit ${code}`
  return { seconds, cpuSeconds: cpu || null, peakBytes: peak || null, sumBytes: sum || null, stdout, failed }
}

/** Linux counts processor time in these. */
const TICKS_PER_SECOND = 100

/** Telling shared pages from own ones walks through all of them: not at every look. */
const SHARES_EVERY = 5

/** What a process and all below it take: processor time so far, the largest peak (VmHWM), and its share of memory now. */
function treeOf(
  pid: number,
  shares: boolean,
): { readonly cpuSeconds: number; readonly peakBytes: number; readonly bytes: number } {
  try {
    const read = (name: string) => readFileSync(`/proc/${pid}/${name}`, 'utf8')
    const bytes = (file: string, name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(read(file))?.[1] ?? 0) * 1024
    // utime, stime, and those of children that have ended: fields 14 to 17, of which two stand before the bracket.
    const ticks = read('stat').split(') ').at(-1)!.split(' ').slice(11, 15).map(Number)
    const below = read(`task/${pid}/children`)
      .trim()
      .split(' ')
      .filter(Boolean)
      .map((child) => treeOf(Number(child), shares))
    const add = (of: (tree: ReturnType<typeof treeOf>) => number) => below.reduce((total, tree) => total + of(tree), 0)
    return {
      cpuSeconds: ticks.reduce((total, part) => total + part, 0) / TICKS_PER_SECOND + add((tree) => tree.cpuSeconds),
      peakBytes: Math.max(bytes('status', 'VmHWM'), ...below.map((tree) => tree.peakBytes)),
      bytes: (shares ? bytes('smaps_rollup', 'Pss') : 0) + add((tree) => tree.bytes),
    }
  } catch {
    return { cpuSeconds: 0, peakBytes: 0, bytes: 0 }
  }
}

/**
 * Writes the first rows as feeds of the model, an `.npz` that both our command and the Python script read: one array an
 * input, so rows of another shape than the first (the last piece of a text) are left out.
 */
export async function writeFeeds(
  path: string,
  data: Dataset,
  inputs: readonly PortValue[],
  rows: number,
): Promise<void> {
  const columns: Record<string, { dtype: string; dims: number[]; parts: Uint8Array[] }> = {}
  const indices = Array.from({ length: Math.min(rows, data.rows) }, (_, i) => i)
  let first: string | undefined
  for await (const batch of data.read({ indices, batch: 1 })) {
    const feeds = Object.entries(feedsOf(batch, inputs, data))
    const shape = feeds.map(([, { dims }]) => dims.slice(1)).join('; ')
    first ??= shape
    if (shape !== first) continue
    for (const [name, { dtype, dims, data: values }] of feeds) {
      const { buffer, byteOffset, byteLength } = values as Uint8Array
      const column = (columns[name] ??= { dtype, dims: [0, ...dims.slice(1)], parts: [] })
      column.dims[0]! += dims[0]!
      column.parts.push(new Uint8Array(buffer, byteOffset, byteLength))
    }
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

interface PythonResult {
  /** Whether PyTorch was loaded. */
  readonly torch: boolean
  readonly steps: Readonly<Record<string, { readonly seconds?: number; readonly failed?: string }>>
}

interface PythonRun {
  readonly run: ProcessRun
  /** Whether PyTorch was loaded. */
  readonly torch: boolean
  /** Why there is no file; null where there is one. */
  readonly failed: string | null
}

/**
 * The Python tool on the same rows. It loads PyTorch where it finds it and has no use for it: here it does so only
 * `withTorch`.
 */
export async function pythonQuantizer(
  scheme: 'static' | 'static-unprepared' | 'dynamic',
  model: string,
  feeds: string,
  out: string,
  { watched = true, withTorch = false }: { readonly watched?: boolean; readonly withTorch?: boolean } = {},
): Promise<PythonRun> {
  mkdirSync(out, { recursive: true })
  // In its own folder: where shape inference fails, the tool leaves a model of its own in the current one.
  const script = join(ROOT, 'bench/peers/ort_quantize.py')
  const run = await timed('/usr/bin/python3', [script, scheme, resolve(model), resolve(feeds), resolve(out)], {
    cwd: out,
    watched,
    ...(withTorch ? { env: { WITH_TORCH: '1' } } : {}),
  })
  const line = run.stdout.trim().split('\n').at(-1)
  if (run.failed !== null || !line) return { run, torch: false, failed: whyNot(run.failed ?? 'it said nothing') }
  const { torch, steps }: PythonResult = JSON.parse(line)
  return { run, torch, failed: steps[scheme]?.failed ?? null }
}

const whyNot = (failed: string) =>
  failed.includes('No module named') || failed.startsWith('exit null')
    ? `Debian packages python3-onnx and python3-onnxruntime are not installed (${failed})`
    : failed

/**
 * Our static quantization of the same model on the same rows, as a user starts it for the first time: what the command
 * keeps of a model and its rows would spare a second turn the calibration.
 */
export async function whetQuantize(model: string, feeds: string, out: string, watched = true): Promise<ProcessRun> {
  const main = join(ROOT, 'dist/whet/main.js')
  const args = ['quantize', model, '-o', out, '--scheme', 'static-int8', '--data', feeds, '--quiet']
  const cache = mkdtempSync(join(tmpdir(), 'whetstone-cache-'))
  try {
    return await timed(process.execPath, [main, ...args], { env: { WHETSTONE_CACHE: cache }, watched })
  } finally {
    rmSync(cache, { recursive: true, force: true })
  }
}

/** npm onnxsim. */
export function onnxsim(model: string, out: string): Promise<ProcessRun> {
  return timed(process.execPath, [join(ROOT, 'bench/peers/onnxsim.mjs'), resolve(model), out])
}
