import { type DType, type Graph, type Model, NameSupply, tensorDtype, type ValueInfo } from '../../ir/index.ts'
import { withGraph } from '../../rewrite/index.ts'
import { castTo } from './casts.ts'
import { renamed } from './renamed.ts'

/*
 * x of float16        ⇒   x of float32, Cast<to = float16>(x) for its readers
 * y of float16        ⇒   y of float32, Cast<to = float>(what gave it)
 */

/**
 * The same model behind inputs and outputs of float32, under their names, where its own are of another floating type:
 * for whoever moves rows by a little, or takes the slope of an answer. It computes as it did. The model itself where
 * there are none; constants that are listed among inputs or outputs, and inputs that are outputs, stay as they are.
 */
export function float32Borders(model: Model): Model {
  const { graph } = model
  const own = new Set(graph.inputs.map(({ name }) => name))
  const open = (one: ValueInfo) => isOtherFloat(one) && !graph.initializers.has(one.name)
  const inputs = graph.inputs.filter((one) => open(one) && !graph.outputs.some(({ name }) => name === one.name))
  const outputs = graph.outputs.filter((one) => open(one) && !own.has(one.name))
  if (inputs.length + outputs.length === 0) return model
  const supply = new NameSupply(graph)
  const inside = new Map(
    [...inputs, ...outputs].map((one) => [one, supply.fresh(`${one.name}_${tensorDtype(one.type)}`)]),
  )
  const names = new Map([...inside].map(([{ name }, inner]) => [name, inner]))
  const changed: Graph = {
    ...graph,
    inputs: graph.inputs.map((one) => (inside.has(one) ? inFloat32(one) : one)),
    outputs: graph.outputs.map((one) => (inside.has(one) ? inFloat32(one) : one)),
    nodes: [
      ...inputs.map((one) => castTo(one.name, inside.get(one)!, tensorDtype(one.type)!, supply)),
      ...graph.nodes.map((node) => renamed(node, names)),
      ...outputs.map((one) => castTo(inside.get(one)!, one.name, 'float32', supply)),
    ],
  }
  return withGraph(model, changed)
}

const OTHERS: ReadonlySet<DType> = new Set(['float16', 'bfloat16', 'float64'])
const isOtherFloat = ({ type }: ValueInfo) => OTHERS.has(tensorDtype(type) ?? 'undefined')
const inFloat32 = (one: ValueInfo): ValueInfo =>
  one.type.kind === 'tensor' ? { ...one, type: { ...one.type, dtype: 'float32' } } : one
