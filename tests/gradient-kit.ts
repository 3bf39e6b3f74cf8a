import { expect } from 'vitest'
import { type Engine, type Feeds, ortNode, referenceWith, type TensorValue } from '../src/engine/index.ts'
import { elementCount, type Model, parseModel } from '../src/ir/index.ts'
import { type Differentiation, differentiate } from '../src/passes/index.ts'
import type { GradientCase } from './gradient-cases.ts'
import { generator } from './rewrite-kit.ts'

export const oracle = referenceWith({ float64: true })

/** The case as a model; with `open`, every size of an input is a symbol of its own. */
export function modelOf({ inputs, opset = 21, fixed = [] }: GradientCase, body: string, open = false): Model {
  const types = Object.entries(inputs).map(([name, [dims]]) => {
    const shape = dims.map((dim, axis) => (open && !fixed.includes(name) ? `${name}${axis}` : dim))
    return `float${shape.length === 0 ? '' : `[${shape.join(',')}]`} ${name}`
  })
  return parseModel(
    `<ir_version: 10, opset_import: ["" : ${opset}, "com.microsoft" : 1]> g (${types.join(', ')}) => (y) { ${body} }`,
  )
}

/** Float32 numbers, so that every engine is fed the same. */
export function feedsFor({ inputs }: GradientCase, seed: number): Feeds {
  const random = generator(seed)
  return Object.fromEntries(
    Object.entries(inputs).map(([name, [dims, low = -2, high = 2]]) => {
      const data = Float32Array.from({ length: elementCount(dims) }, () => low + random() * (high - low))
      return [name, { dtype: 'float32', dims, data }]
    }),
  )
}

export function seededGradient(model: Model, wrt: readonly string[]): Differentiation {
  return differentiate(model, { loss: { kind: 'seeded', output: 'y', seed: 'seed' }, wrt })
}

export async function runOnce(engine: Engine, model: Model, feeds: Feeds): Promise<Record<string, TensorValue>> {
  const session = await engine.open(model)
  try {
    return await session.run(feeds)
  } finally {
    await session.close()
  }
}

export const numbers = (value: TensorValue): number[] => Array.from(value.data as ArrayLike<number>, Number)

const STEP = 1e-5

/** Central differences of Σ y·seed by every element of an input, in float64. */
export async function differences(
  model: Model,
  feeds: Feeds,
  seed: readonly number[],
  input: string,
): Promise<number[]> {
  const session = await oracle.open(model)
  const at = numbers(feeds[input]!)
  const dims = feeds[input]!.dims
  const value = async (i: number, by: number): Promise<number> => {
    const data = Float64Array.from(at)
    data[i]! += by
    const { y } = await session.run({ ...feeds, [input]: { dtype: 'float64', dims, data } }, ['y'])
    return numbers(y!).reduce((sum, each, k) => sum + each * seed[k]!, 0)
  }
  const slopes: number[] = []
  for (let i = 0; i < at.length; i++) slopes.push(((await value(i, STEP)) - (await value(i, -STEP))) / (2 * STEP))
  return slopes
}

/** The greatest difference, as a share of the greatest element. */
export function distance(got: readonly number[], want: readonly number[]): number {
  expect(got.length).toBe(want.length)
  const top = Math.max(1, ...want.map(Math.abs))
  return Math.max(
    0,
    ...got.map((each, i) => (Number.isNaN(each) ? Number.POSITIVE_INFINITY : Math.abs(each - want[i]!) / top)),
  )
}

export { ortNode }
