import { type Feeds, shapesOf } from '../../engine/index.ts'
import { countMacs, elementCount, inferTypes, type Model, tensorShape, type ValueType } from '../../ir/index.ts'

/** Rows that the noise of a quantization is measured on, at least and at the most. */
const [FEWEST, MOST] = [4, 64]
/** Multiply-accumulates that all rows may take together; each number that a node makes counts as so many. */
const WORK = 2 ** 31
const NUMBER = 32

/**
 * How many rows the noise of a quantization is measured on, for a model that meets rows like this: where inputs have
 * long tails, four of them tell the noise of all to ten decibels, and rows of a small model cost next to nothing: of a
 * classifier of 64×64 pixels, whose probabilities are nearly 1 on some rows, four told 46.3 dB where all 130 keep 25.9;
 * the 21 that it is heard on tell 28.7. What a run costs follows from the model alone, so that one call says the same as
 * the next.
 */
export function rowsForNoise(model: Model, row: Feeds | undefined): number {
  const types = inferTypes(model, { inputShapes: shapesOf(row ?? {}) })
  const made = model.graph.nodes.flatMap(({ outputs }) => outputs.filter((name) => name !== ''))
  const work =
    (countMacs(model, types) ?? Number.NaN) + NUMBER * made.reduce((sum, name) => sum + numbersIn(types.get(name)), 0)
  return Number.isNaN(work) ? FEWEST : Math.min(MOST, Math.max(FEWEST, Math.floor(WORK / work)))
}

/** NaN where that does not follow from the graph. */
function numbersIn(type: ValueType | undefined): number {
  const shape = tensorShape(type)
  return shape?.every((dim) => typeof dim === 'number') ? elementCount(shape) : Number.NaN
}
