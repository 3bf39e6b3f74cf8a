import { type Feeds, shapesOf } from '../../engine/index.ts'
import { countMacs, elementCount, inferTypes, type Model, tensorShape, type ValueType } from '../../ir/index.ts'

/** Multiply-accumulates that a number which a node makes takes as long as. */
const NUMBER = 32

/**
 * What a run of this model takes on a row like this, or on inputs of the sizes that it declares: in multiply-accumulates,
 * each number that a node makes counted as some of them. It follows from the model alone, so that one call says the same
 * as the next; NaN where it does not follow.
 */
export function workOfRun(model: Model, row: Feeds = {}): number {
  const types = inferTypes(model, { inputShapes: shapesOf(row) })
  const made = model.graph.nodes.flatMap(({ outputs }) => outputs.filter((name) => name !== ''))
  return (
    (countMacs(model, types) ?? Number.NaN) + NUMBER * made.reduce((sum, name) => sum + numbersIn(types.get(name)), 0)
  )
}

/** NaN where that does not follow from the graph. */
function numbersIn(type: ValueType | undefined): number {
  const shape = tensorShape(type)
  return shape?.every((dim) => typeof dim === 'number') ? elementCount(shape) : Number.NaN
}
