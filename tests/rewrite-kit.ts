import { expect } from 'vitest'
import { type Feeds, referenceWith, type TensorValue } from '../src/engine/index.ts'
import { checkModel, elementCount, type Model, operatorName, parseModel, toNumbers } from '../src/ir/index.ts'
import type { PassRun } from '../src/report/index.ts'
import type { Pass } from '../src/rewrite/index.ts'

const oracle = referenceWith({ float64: true })

interface Rewritten {
  readonly before: Model
  readonly after: Model
  readonly report: PassRun
  /** Operators in order. */
  readonly ops: readonly string[]
  /** The reasons of all refusals. */
  readonly reasons: readonly string[]
}

/** Runs a pass over a model in text notation; checks that the result is valid and that a second run finds nothing. */
export async function rewriteWith(pass: Pass, source: string | Model): Promise<Rewritten> {
  const before = typeof source === 'string' ? parseModel(source) : source
  const { model: after, report } = await pass.run(before, {}, [])
  expect(checkModel(after)).toEqual(checkModel(before))
  const again = await pass.run(after, {}, [])
  expect(again.report.applied).toBe(0)
  expect(again.model).toBe(after)
  if (report.applied === 0) expect(after).toBe(before)
  return { before, after, report, ops: opsOf(after), reasons: report.refused.map(({ reason }) => reason) }
}

export const opsOf = (model: Model): readonly string[] => model.graph.nodes.map(operatorName)

interface EqualityOptions {
  /** Sizes of symbolic dimensions; 2 where nothing is said. */
  readonly sizes?: Readonly<Record<string, number>>
  /** Absolute plus relative; what rounding folded weights to float32 costs is far below it. */
  readonly tolerance?: number
  readonly samples?: number
  /** Inputs are drawn uniformly from ±scale. */
  readonly scale?: number
}

/** Both models give the same outputs on random inputs, computed in float64. */
export async function expectEqualModels(before: Model, after: Model, options: EqualityOptions = {}): Promise<void> {
  const { tolerance = 1e-5, samples = 3 } = options
  const [a, b] = [await oracle.open(before), await oracle.open(after)]
  const random = generator(20260)
  for (let i = 0; i < samples; i++) {
    const feeds = randomFeeds(after, random, options)
    const [left, right] = [await a.run(feeds), await b.run(feeds)]
    expect(Object.keys(right)).toEqual(Object.keys(left))
    for (const [name, value] of Object.entries(left)) {
      expect(right[name]!.dims, `dims of ${name}`).toEqual(value.dims)
      const [x, y] = [value.data as ArrayLike<number>, right[name]!.data as ArrayLike<number>]
      for (let k = 0; k < x.length; k++) {
        const [p, q] = [Number(x[k]), Number(y[k])]
        if (Object.is(p, q) || p === q) continue
        const off = Math.abs(p - q) / (tolerance + tolerance * Math.abs(p))
        if (!(off <= 1)) expect.fail(`${name}[${k}] is ${q}, was ${p}`)
      }
    }
  }
}

/** Runs the pass and proves the result equal. */
export async function rewriteEqually(pass: Pass, source: string | Model, options: EqualityOptions = {}) {
  const result = await rewriteWith(pass, source)
  await expectEqualModels(result.before, result.after, options)
  return result
}

function randomFeeds(model: Model, random: () => number, { sizes = {}, scale = 3 }: EqualityOptions): Feeds {
  const feeds: Record<string, TensorValue> = {}
  for (const { name, type } of model.graph.inputs) {
    if (type.kind !== 'tensor' || !type.shape) throw new Error(`input ${name} has no shape`)
    const dims = type.shape.map((dim) => (typeof dim === 'number' ? dim : (sizes[dim ?? ''] ?? 2)))
    const count = elementCount(dims)
    const draw = () => (random() * 2 - 1) * scale
    if (type.dtype === 'int64')
      feeds[name] = {
        dtype: 'int64',
        dims,
        data: BigInt64Array.from({ length: count }, () => BigInt(Math.round(draw()))),
      }
    else if (type.dtype === 'bool')
      feeds[name] = { dtype: 'bool', dims, data: Uint8Array.from({ length: count }, () => Number(random() < 0.5)) }
    else feeds[name] = { dtype: 'float64', dims, data: Float64Array.from({ length: count }, draw) }
  }
  return feeds
}

/** A constant of a model, as numbers. */
export const numbersOf = (model: Model, name: string): number[] => [...toNumbers(model.graph.initializers.get(name)!)]

/** Linear congruential: tests need repeatable numbers, not good ones. */
export function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** `{1, 2.5, …}` for the text notation: `count` numbers in ±1. */
export function randomList(count: number, seed: number): string {
  const random = generator(seed)
  return `{${Array.from({ length: count }, () => Math.fround(random() * 2 - 1)).join(', ')}}`
}
