// Other tools and our own command on the same model and rows, each as a process of its own.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Dataset } from '../src/data/index.ts'
import type { PortValue } from '../src/engine/index.ts'
import { feedsOf } from '../src/evaluate/index.ts'
import { ROOT } from './repository.ts'
import { type ProcessRun, timed } from './whole-process.ts'
import { writeNpz } from './write-npz.ts'

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
