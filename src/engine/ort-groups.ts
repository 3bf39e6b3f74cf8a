import type { DType } from '../ir/index.ts'
import { byteLengthOf, type Model } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { innerNames, withOutputs, withShapesOf } from './inner-values.ts'
import { isCarried, type NativeSession } from './ort-native.ts'
import type { Feeds } from './session.ts'

/**
 * Bytes of each named value in one run of these feeds, measured: one session tells the types without a run, another
 * computes the shapes alone, so that no value is held. Values that no tensor of the runtime can carry, weights, inputs
 * and names that the main graph does not make are absent.
 */
export async function measureInner(
  model: Model,
  feeds: Feeds,
  names: readonly string[],
  open: (model: Model) => Promise<NativeSession>,
): Promise<ReadonlyMap<string, number>> {
  const made = innerNames(model)
  const types = await typesOf(
    model,
    [...new Set(names)].filter((name) => made.has(name)),
    open,
  )
  const sizes = new Map<string, number>()
  if (types.size === 0) return sizes
  const { model: shapes, shapeOf } = withShapesOf(model, [...types.keys()])
  const session = await open(shapes)
  try {
    const result = await session.run(session.prepare(feeds), [...shapeOf.values()])
    for (const [name, dtype] of types) {
      const dims = result[shapeOf.get(name) as string]?.data as BigInt64Array
      const count = dims.reduce((product, dim) => product * Number(dim), 1)
      sizes.set(name, dtype === 'string' ? count * 64 : byteLengthOf(dtype, count))
    }
  } finally {
    await session.release()
  }
  return sizes
}

/** Those of the names that are float32 or float64 tensors made by the main graph. */
export async function floatNames(
  model: Model,
  names: readonly string[],
  open: (model: Model) => Promise<NativeSession>,
): Promise<readonly string[]> {
  const made = innerNames(model)
  const types = await typesOf(
    model,
    [...new Set(names)].filter((name) => made.has(name)),
    open,
  )
  return [...types].filter(([, dtype]) => dtype === 'float32' || dtype === 'float64').map(([name]) => name)
}

/**
 * Element types by name. A value of a type that the runtime cannot even name refuses the whole session, so a
 * refused set is halved until the ones at fault stand alone and are left out.
 */
async function typesOf(
  model: Model,
  names: readonly string[],
  open: (model: Model) => Promise<NativeSession>,
): Promise<Map<string, DType>> {
  if (names.length === 0) return new Map()
  try {
    const session = await open(withOutputs(model, names))
    const types = new Map<string, DType>()
    for (const { name, type } of session.outputs) if (type !== undefined && isCarried(type)) types.set(name, type)
    await session.release()
    return types
  } catch (error) {
    if (!(error instanceof UserError) || error.code === 'out-of-resources') throw error
    if (names.length === 1) return new Map()
    const half = names.length >> 1
    const left = await typesOf(model, names.slice(0, half), open)
    return new Map([...left, ...(await typesOf(model, names.slice(half), open))])
  }
}
