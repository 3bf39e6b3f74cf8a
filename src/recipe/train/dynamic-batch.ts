import type { Dataset } from '../../data/index.ts'
import type { Session } from '../../engine/index.ts'
import { safeBatch } from '../../evaluate/index.ts'
import {
  inferTypes,
  intAttribute,
  type Model,
  type Node,
  type Tensor,
  tensorOf,
  tensorValues,
  type ValueInfo,
} from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'

/** The symbol of the axis of rows. */
const ROWS = 'learn/rows'

/**
 * The model with as many rows a run as one likes, where its file fixes them at one: to learn from, since its weights are
 * the same. As it came, with the reason, where several rows in one run are not answered as each alone.
 */
export async function dynamicBatch(
  model: Model,
  data: Dataset,
  open: (model: Model) => Promise<Session>,
): Promise<{ readonly model: Model; readonly reason: string | null }> {
  const fixed = fixedInputs(model, data)
  if (fixed.size === 0) return { model, reason: null }
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

/** Inputs of rows whose first axis is fixed at one. */
function fixedInputs({ graph }: Model, data: Dataset): ReadonlySet<string> {
  const found = graph.inputs.filter(({ name, type }) => {
    const field = data.fields.find((candidate) => candidate.name === name)
    return field && type.kind === 'tensor' && type.shape?.[0] === 1 && type.shape.length === field.rowShape.length + 1
  })
  return new Set(found.map(({ name }) => name))
}

function withRowAxis(model: Model, fixed: ReadonlySet<string>): Model {
  const { graph } = model
  const open = (info: ValueInfo): ValueInfo =>
    info.type.kind === 'tensor' && info.type.shape?.[0] === 1
      ? { ...info, type: { ...info.type, shape: [ROWS, ...info.type.shape.slice(1)] } }
      : info
  const { nodes, initializers } = reshapesOfRows(model)
  return {
    ...model,
    graph: {
      ...graph,
      nodes,
      initializers,
      inputs: graph.inputs.map((input) => (fixed.has(input.name) ? open(input) : input)),
      outputs: graph.outputs.map(open),
      // They tell of one row; what follows from the inputs is inferred.
      valueInfos: new Map(),
    },
  }
}

/** A Reshape from a first axis of one to a first axis of one takes that axis over, however long it is. */
function reshapesOfRows(model: Model): {
  readonly nodes: readonly Node[]
  readonly initializers: ReadonlyMap<string, Tensor>
} {
  const types = inferTypes(model)
  const initializers = new Map(model.graph.initializers)
  const nodes = model.graph.nodes.map((node) => {
    const [value = '', shape = ''] = node.inputs
    const type = types.get(value)
    const asked = initializers.get(shape)
    const takesOne = type?.kind === 'tensor' && type.shape?.[0] === 1
    if (
      node.opType !== 'Reshape' ||
      node.domain !== '' ||
      !takesOne ||
      !asked ||
      intAttribute(node, 'allowzero', 0) !== 0
    )
      return node
    const sizes = tensorValues(asked) as BigInt64Array
    if (sizes[0] !== 1n) return node
    const name = `${shape}/rows`
    initializers.set(name, tensorOf('int64', asked.dims, BigInt64Array.of(0n, ...sizes.slice(1)), name))
    return { ...node, inputs: [value, name] }
  })
  return { nodes, initializers }
}
