import {
  byteLengthOf,
  type DType,
  elementCount,
  inferTypes,
  type Model,
  tensorDtype,
  tensorShape,
  type ValueType,
} from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { shapesOf } from './feeds.ts'
import { innerNames, withOutputs, withShapesOf } from './inner-values.ts'
import { isCarried, type NativeSession } from './ort-native.ts'
import type { Feeds } from './session.ts'

/** Whatever tells the types that the runtime gives the outputs of a model; a session of it does. */
export interface TypedOutputs {
  readonly outputs: readonly { readonly name: string; readonly type: string | undefined }[]
  release(): Promise<void>
}
type OpenOutputs = (model: Model) => Promise<TypedOutputs>

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
  const inferred = inferredSizes(model, feeds, names)
  const types = await typesOf(model, inferred.open, inferred.types, open)
  const sizes = new Map(inferred.sizes)
  const unsized = [...types].filter(([name, dtype]) => {
    const size = inferredBytes(inferred.types.get(name), dtype)
    if (size !== null) sizes.set(name, size)
    return size === null
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

/** What follows of those sizes from the graph alone; `open` are the names that it does not settle. */
export function inferredSizes(
  model: Model,
  feeds: Feeds,
  names: readonly string[],
): {
  readonly sizes: ReadonlyMap<string, number>
  readonly open: readonly string[]
  readonly types: ReadonlyMap<string, ValueType>
} {
  // Where the model declares these very shapes, others may have asked for the types already.
  const types = declares(model, feeds) ? inferTypes(model) : inferTypes(model, { inputShapes: shapesOf(feeds) })
  const sizes = new Map<string, number>()
  const open: string[] = []
  for (const name of madeOf(model, names)) {
    const type = types.get(name)
    const size = type?.kind === 'tensor' && isCarried(type.dtype) ? inferredBytes(type, type.dtype) : null
    if (size !== null) sizes.set(name, size)
    else open.push(name)
  }
  return { sizes, open, types }
}

/** Whether the inputs are declared with just the shapes of these feeds. */
function declares(model: Model, feeds: Feeds): boolean {
  return Object.entries(feeds).every(([name, { dims }]) => {
    const type = model.graph.inputs.find((input) => input.name === name)?.type
    return (
      type?.kind === 'tensor' && type.shape?.length === dims.length && type.shape.every((dim, i) => dim === dims[i])
    )
  })
}

function inferredBytes(type: ValueType | undefined, dtype: DType): number | null {
  const dims = tensorShape(type)
  if (!dims?.every((dim) => typeof dim === 'number')) return null
  return bytesOf(dtype, elementCount(dims))
}

const bytesOf = (dtype: DType, count: number) => (dtype === 'string' ? count * 64 : byteLengthOf(dtype, count))

/** Those of the names that the main graph makes, each once. */
function madeOf(model: Model, names: readonly string[]): readonly string[] {
  const made = innerNames(model)
  return [...new Set(names)].filter((name) => made.has(name))
}

/** Those of the names that are float32 or float64 tensors made by the main graph. */
export async function floatNames(
  model: Model,
  names: readonly string[],
  open: OpenOutputs,
): Promise<readonly string[]> {
  const types = await typesOf(model, names, inferTypes(model), open)
  return [...types].filter(([, dtype]) => dtype === 'float32' || dtype === 'float64').map(([name]) => name)
}

/** Element types of those names that the main graph makes and the runtime can hand out; it is asked only where ours do not say. */
async function typesOf(
  model: Model,
  names: readonly string[],
  inferred: ReadonlyMap<string, ValueType>,
  open: OpenOutputs,
): Promise<ReadonlyMap<string, DType>> {
  const wanted = madeOf(model, names)
  const unknown = wanted.filter((name) => inferred.get(name) === undefined || inferred.get(name)?.kind === 'unknown')
  const asked = await askedTypes(model, unknown, open)
  return new Map(
    wanted.flatMap((name) => {
      const dtype = tensorDtype(inferred.get(name)) ?? asked.get(name)
      return dtype !== undefined && isCarried(dtype) ? [[name, dtype] as const] : []
    }),
  )
}

/**
 * Element types by name. A value of a type that the runtime cannot even name refuses the whole session, so a
 * refused set is halved until the ones at fault stand alone and are left out.
 */
async function askedTypes(model: Model, names: readonly string[], open: OpenOutputs): Promise<Map<string, DType>> {
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
