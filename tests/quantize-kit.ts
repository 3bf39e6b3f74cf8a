import '../src/engine/ort-telemetry.ts'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession } from 'onnxruntime-node'
import { countOperators, type Feeds, ortNode, reference, type TensorValue } from '../src/engine/index.ts'
import { type Model, parseModel, type Tensor, tensorOf } from '../src/ir/index.ts'
import { decodeModel, encodeModel } from '../src/onnx/index.ts'
import { calibrationValues, productSafety, type StaticInt8Options } from '../src/passes/index.ts'
import { quantizeStaticInt8 } from '../src/passes/quantize/index.ts'
import type { CalibrationReport } from '../src/report/index.ts'
import { saturatesHere } from './products-here.ts'

/** Uniform numbers of (−1, 1), the same on every run (a linear congruential generator). */
export function numbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
}

export function randomTensor(dims: readonly number[], seed: number, scale = 1, name = ''): Tensor {
  const next = numbers(seed)
  const count = dims.reduce((product, dim) => product * dim, 1)
  return tensorOf(
    'float32',
    dims,
    Float32Array.from({ length: count }, () => next() * scale),
    name,
  )
}

export function randomValue(dims: readonly number[], seed: number, scale = 1): TensorValue {
  const tensor = randomTensor(dims, seed, scale)
  return {
    dtype: 'float32',
    dims,
    data: new Float32Array((tensor.data as { bytes: { read(): Uint8Array } }).bytes.read().slice().buffer),
  }
}

/** A model in text notation; `weights` by name with their dimensions are filled with random numbers. */
export function modelWith(text: string, weights: Readonly<Record<string, readonly number[]>>, opset = 21): Model {
  const model = parseModel(`<ir_version: 10, opset_import: ["" : ${opset}, "com.microsoft" : 1]> ${text}`)
  const initializers = new Map(model.graph.initializers)
  for (const [i, [name, dims]] of Object.entries(weights).entries())
    initializers.set(name, randomTensor(dims, i + 7, dims.length === 1 ? 0.5 : 1 / Math.sqrt(dims.at(-1)! * 3), name))
  // The notation has no word for "of any rank"; the runtime infers the shapes of the outputs.
  const outputs = model.graph.outputs.map((output) => ({
    ...output,
    type: { kind: 'tensor' as const, dtype: 'float32' as const, shape: null },
  }))
  return { ...model, graph: { ...model.graph, initializers, outputs } }
}

/** Ranges that these feeds give, taken by running the model once. */
export async function rangesOf(model: Model, feeds: Feeds): Promise<CalibrationReport> {
  const names = calibrationValues(model.graph, 21)
  const session = await ortNode.open(model)
  const fetched = {
    ...feeds,
    ...(await session.run(
      feeds,
      names.filter((name) => !(name in feeds)),
    )),
  }
  await session.close()
  const ranges: Record<string, { min: number; max: number; elements: number }> = {}
  for (const name of names) {
    // As in calibration: only floats have a range.
    if (!fetched[name]!.dtype.startsWith('float')) continue
    const data = fetched[name]!.data as Float32Array
    ranges[name] = {
      min: data.reduce((a, b) => Math.min(a, b)),
      max: data.reduce((a, b) => Math.max(a, b)),
      elements: data.length,
    }
  }
  return { kind: 'calibration', version: 1, method: 'minmax', samples: 1, dataDigest: 'none', ranges, unseen: [] }
}

/** Static int8 wherever it can be, under the ranges that these feeds give. */
export const inIntegers = async (model: Model, feeds: Feeds, options: StaticInt8Options = {}) =>
  quantizeStaticInt8.run(model, { placement: 'everywhere', ...options }, [{ report: await rangesOf(model, feeds) }])

/** The runtime's own answer on this processor. */
export async function runHere(model: Model, feeds: Feeds, optimization: 'disabled' | 'all' = 'all') {
  const session = await ortNode.open(model, { optimization })
  try {
    return await session.run(feeds)
  } finally {
    await session.close()
  }
}

const FLOAT: ReadonlySet<string> = new Set(['Conv', 'Gemm', 'MatMul'])

/**
 * The runtime's answer where no product saturates. On a processor without VNNI, for a model whose products may, it is the
 * reference engine's on the graph of integer operators that the runtime made: what is tested is what a pass made, not
 * what one kind of kernel makes of it.
 */
export async function runOnce(model: Model, feeds: Feeds, optimization: 'disabled' | 'all' = 'all') {
  if (await saturatesHere()) {
    const integers = optimization === 'all' ? await optimizedBy(model, 'extended') : model
    // Without optimizations what stands between Quantize and Dequantize is multiplied in float.
    const multiplied =
      optimization === 'all' ? () => true : ({ operator }: { readonly operator: string }) => !FLOAT.has(operator)
    const isRisky = productSafety(integers).some((product) => product.unsafe.length > 0 && multiplied(product))
    if (isRisky) return (await reference.open(integers)).run(feeds)
  }
  return runHere(model, feeds, optimization)
}

/** Signal to noise in decibels of one value against another; Infinity where equal. */
export function decibels(reference: TensorValue, value: TensorValue): number {
  const [a, b] = [reference.data as Float32Array, value.data as Float32Array]
  let [signal, noise] = [0, 0]
  for (let i = 0; i < a.length; i++) {
    signal += a[i]! ** 2
    noise += (a[i]! - b[i]!) ** 2
  }
  return 10 * Math.log10(signal / noise)
}

/** As `ortNode.kernels`, in this process: small models of our own need no child, and there are many of them. */
export async function kernelsOf(model: Model): Promise<Readonly<Record<string, number>>> {
  return countOperators((await optimizedBy(model, 'all')).graph)
}

/** The model as the runtime rewrites it for itself at this level. */
export async function optimizedBy(model: Model, level: 'extended' | 'all'): Promise<Model> {
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-test-'))
  const path = join(folder, 'optimized.onnx')
  try {
    const session = await InferenceSession.create(encodeModel(model), {
      graphOptimizationLevel: level,
      optimizedModelFilePath: path,
      intraOpNumThreads: 1,
      logSeverityLevel: 4,
    })
    await session.release()
    return decodeModel(readFileSync(path))
  } finally {
    rmSync(folder, { recursive: true })
  }
}
