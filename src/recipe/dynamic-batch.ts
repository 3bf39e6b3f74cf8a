import type { Dataset } from '../data/index.ts'
import type { Session } from '../engine/index.ts'
import { safeBatch } from '../evaluate/index.ts'
import {
  inferTypes,
  intAttribute,
  type Model,
  type Node,
  type Tensor,
  tensorOf,
  tensorValues,
  type ValueInfo,
} from '../ir/index.ts'
import { UserError } from '../platform/index.ts'

/** The symbol of the axis of rows. */
const ROWS = 'learn/rows'

/**
 * The model with as many rows a run as one likes, where its file fixes how many there are: to learn from and to take
 * slopes of, since its weights are the same. As it came, with the reason, where several rows in one run are not answered
 * as each alone.
 */
export async function dynamicBatch(
  model: Model,
  data: Dataset,
  open: (model: Model) => Promise<Session>,
): Promise<{ readonly model: Model; readonly reason: string | null }> {
  const fixed = fixedInputs(model, data)
  if (!fixed) return { model, reason: null }
  const opened = withRowAxis(model, fixed)
  try {
    const session = await open(opened)
    try {
      const { reason } = await safeBatch(session, data, 2)
      return reason === null ? { model: opened, reason } : { model, reason }
    } finally {
      await session.close()
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { model, reason: `rows are run one by one: ${error.message}` }
  }
}

/** Inputs of rows whose first axis is fixed, and how many rows that is. */
interface FixedInputs {
  readonly names: ReadonlySet<string>
  readonly rows: number
}

/** Null where there are none, or where they do not agree. */
function fixedInputs({ graph }: Model, data: Dataset): FixedInputs | null {
  const sizes = new Map<string, number>()
  for (const { name, type } of graph.inputs) {
    const field = data.fields.find((candidate) => candidate.name === name)
    const shape = type.kind === 'tensor' ? type.shape : null
    if (!field || !shape || shape.length !== field.rowShape.length + 1) continue
    if (typeof shape[0] === 'number') sizes.set(name, shape[0])
  }
  const [rows, ...others] = new Set(sizes.values())
  return rows === undefined || others.length > 0 ? null : { names: new Set(sizes.keys()), rows }
}

function withRowAxis(model: Model, { names, rows }: FixedInputs): Model {
  const { graph } = model
  const open = (info: ValueInfo): ValueInfo =>
    info.type.kind === 'tensor' && info.type.shape?.[0] === rows
      ? { ...info, type: { ...info.type, shape: [ROWS, ...info.type.shape.slice(1)] } }
      : info
  const { nodes, initializers } = reshapesOfRows(model, rows)
  return {
    ...model,
    graph: {
      ...graph,
      nodes,
      initializers,
      inputs: graph.inputs.map((input) => (names.has(input.name) ? open(input) : input)),
      outputs: graph.outputs.map(open),
      // They tell of a fixed number of rows; what follows from the inputs is inferred.
      valueInfos: new Map(),
    },
  }
}

/** A Reshape from a first axis of `rows` to a first axis of `rows` takes that axis over, however long it is. */
function reshapesOfRows(
  model: Model,
  rows: number,
): {
  readonly nodes: readonly Node[]
  readonly initializers: ReadonlyMap<string, Tensor>
} {
  const types = inferTypes(model)
  const initializers = new Map(model.graph.initializers)
  const nodes = model.graph.nodes.map((node) => {
    const [value = '', shape = ''] = node.inputs
    const type = types.get(value)
    const asked = initializers.get(shape)
    const takesRows = type?.kind === 'tensor' && type.shape?.[0] === rows
    if (
      node.opType !== 'Reshape' ||
      node.domain !== '' ||
      !takesRows ||
      !asked ||
      intAttribute(node, 'allowzero', 0) !== 0
    )
      return node
    const sizes = tensorValues(asked) as BigInt64Array
    if (sizes[0] !== BigInt(rows)) return node
    const name = `${shape}/rows`
    initializers.set(name, tensorOf('int64', asked.dims, BigInt64Array.of(0n, ...sizes.slice(1)), name))
    return { ...node, inputs: [value, name] }
  })
  return { nodes, initializers }
}
