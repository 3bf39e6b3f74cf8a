import { inferTypes, isFloating, type Model, operatorName, readsOf, tensorDtype } from '../ir/index.ts'

/** Operators whose outputs are as long as the values of their inputs say. */
const COUNTING: ReadonlySet<string> = new Set(['Compress', 'NonMaxSuppression', 'NonZero', 'Unique'])

/** Operators that are given a size, and the first of the inputs that give it. */
const SIZED: ReadonlyMap<string, number> = new Map([
  ['CenterCropPad', 1],
  ['ConstantOfShape', 0],
  ['Expand', 1],
  ['OneHot', 1],
  ['Pad', 1],
  ['Range', 0],
  ['Reshape', 1],
  ['Resize', 2],
  ['Slice', 1],
  ['Split', 1],
  ['Tile', 1],
  ['TopK', 1],
  ['Upsample', 1],
])

/**
 * The values of the main graph that may be of other sizes in a model that computes the same with other roundings, since
 * floats decide how long they are: the boxes that a suppression leaves, frames by durations that were foretold. Sizes
 * that follow from those of the inputs, and from whole numbers that are given, are the same in both.
 */
export function changingSizes(model: Model): ReadonlySet<string> {
  const types = inferTypes(model)
  const given = new Set(model.graph.inputs.map(({ name }) => name))
  for (const name of model.graph.initializers.keys()) given.delete(name)
  /** What rests on inputs, and of that what rests on floats; sizes of values are neither. */
  const [computed, rounded, changing] = [new Set(given), new Set<string>(), new Set<string>()]
  for (const node of model.graph.nodes) {
    const reads = [...readsOf(node)]
    const operator = operatorName(node)
    const first = COUNTING.has(operator) ? 0 : SIZED.get(operator)
    const sized = first !== undefined && node.inputs.slice(first).some((name) => rounded.has(name))
    const tells = operator === 'Shape' || operator === 'Size'
    const changes = sized || reads.some((name) => changing.has(name))
    for (const name of node.outputs) {
      if (changes) changing.add(name)
      // How long such a value is rests on floats as well.
      if (changes || (!tells && reads.some((read) => rounded.has(read)))) rounded.add(name)
      if (tells || !reads.some((read) => computed.has(read))) continue
      computed.add(name)
      const dtype = tensorDtype(types.get(name))
      if (dtype === undefined || isFloating(dtype)) rounded.add(name)
    }
  }
  return changing
}
