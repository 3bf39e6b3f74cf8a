import { byteLengthOf, type DType, elementCount, inferTypes, type Model, type ValueType } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { innerNames, withOutputs, withShapesOf } from './inner-values.ts'
import { isCarried, type NativeSession } from './ort-native.ts'
import type { Feeds } from './session.ts'

/**
 * Bytes of each named value in one run of these feeds: from the shapes that follow from theirs, and where those do not
 * say, measured by a session that computes the shapes alone, so that no value is held. Values that no tensor of the
 * runtime can carry, weights, inputs and names that the main graph does not make are absent.
 */
export async function measureInner(
  model: Model,
  feeds: Feeds,
  names: readonly string[],
  open: (model: Model) => Promise<NativeSession>,
): Promise<ReadonlyMap<string, number>> {
  const inferred = inferTypes(model, { inputShapes: shapesOf(feeds) })
  const types = await typesOf(model, names, inferred, open)
  const sizes = new Map<string, number>()
  const bytesOf = (dtype: DType, count: number) => (dtype === 'string' ? count * 64 : byteLengthOf(dtype, count))
  const unsized = [...types].filter(([name, dtype]) => {
    const type = inferred.get(name)
    const dims = type?.kind === 'tensor' ? type.shape : null
    if (!dims?.every((dim) => typeof dim === 'number')) return true
    sizes.set(name, bytesOf(dtype, elementCount(dims as readonly number[])))
    return false
  })
  if (unsized.length === 0) return sizes
  const { model: shapes, shapeOf } = withShapesOf(
    model,
    unsized.map(([name]) => name),
  )
  const session = await open(shapes)
  try {
    const result = await session.run(session.prepare(feeds), [...shapeOf.values()])
    for (const [name, dtype] of unsized) {
      const dims = result[shapeOf.get(name) as string]?.data as BigInt64Array
      sizes.set(
        name,
        bytesOf(
          dtype,
          dims.reduce((product, dim) => product * Number(dim), 1),
        ),
      )
    }
  } finally {
    await session.release()
  }
  return sizes
}

const shapesOf = (feeds: Feeds) =>
  Object.fromEntries(Object.entries(feeds).map(([name, { dims }]) => [name, [...dims]]))

/** Those of the names that are float32 or float64 tensors made by the main graph. */
export async function floatNames(
  model: Model,
  names: readonly string[],
  open: (model: Model) => Promise<NativeSession>,
): Promise<readonly string[]> {
  const types = await typesOf(model, names, inferTypes(model), open)
  return [...types].filter(([, dtype]) => dtype === 'float32' || dtype === 'float64').map(([name]) => name)
}

/** Element types of those names that the main graph makes and the runtime can hand out; it is asked only where ours do not say. */
async function typesOf(
  model: Model,
  names: readonly string[],
  inferred: ReadonlyMap<string, ValueType>,
  open: (model: Model) => Promise<NativeSession>,
): Promise<ReadonlyMap<string, DType>> {
  const made = innerNames(model)
  const wanted = [...new Set(names)].filter((name) => made.has(name))
  const unknown = wanted.filter((name) => inferred.get(name) === undefined || inferred.get(name)?.kind === 'unknown')
  const asked = await askedTypes(model, unknown, open)
  return new Map(
    wanted.flatMap((name) => {
      const type = inferred.get(name)
      const dtype = type?.kind === 'tensor' ? type.dtype : asked.get(name)
      return dtype !== undefined && isCarried(dtype) ? [[name, dtype] as const] : []
    }),
  )
}

/**
 * Element types by name. A value of a type that the runtime cannot even name refuses the whole session, so a
 * refused set is halved until the ones at fault stand alone and are left out.
 */
async function askedTypes(
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
    const left = await askedTypes(model, names.slice(0, half), open)
    return new Map([...left, ...(await askedTypes(model, names.slice(half), open))])
  }
}
