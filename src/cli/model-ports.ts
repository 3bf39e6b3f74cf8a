import { type InputWish, tokenInputOf } from '../data/index.ts'
import { inferTypes, type Model, type Shape, type ValueInfo, type ValueType } from '../ir/index.ts'

/** What rows of a model must hold, with sizes that follow from the graph. */
export const inputPorts = (model: Model): readonly InputWish[] => ports(model, model.graph.inputs, inferTypes(model))

/** Tokens of a row that is thought of: more than one, and no size that a model has for another reason. */
const SOME_TOKENS = 7

/**
 * What a model gives. Where it reads tokens, sizes are those for a row of some tokens: of an output [row, places,
 * vocabulary] whose places have no name, only that tells whether each token is scored or the last one alone.
 */
export function outputPorts(model: Model): readonly InputWish[] {
  const tokens = tokenInputOf(inputPorts(model))
  const [rows, places] = tokens?.shape ?? []
  const told = tokens?.shape?.length === 2 && typeof places !== 'number'
  const inputShapes = told ? { [tokens.name]: [rows ?? null, SOME_TOKENS] } : null
  return ports(model, model.graph.outputs, inputShapes ? inferTypes(model, { inputShapes }) : inferTypes(model))
}

function ports(
  model: Model,
  values: readonly ValueInfo[],
  types: ReadonlyMap<string, ValueType>,
): readonly InputWish[] {
  const constants = model.graph.initializers
  return values.flatMap((value) => {
    const type = types.get(value.name) ?? value.type
    return constants.has(value.name) || type.kind !== 'tensor'
      ? []
      : [{ name: value.name, dtype: type.dtype, shape: knownSizes(value.type, type.shape) }]
  })
}

/** Sizes as numbers where the model names them, or they follow from others. */
function knownSizes(declared: ValueType, inferred: Shape | null): Shape | null {
  const named = declared.kind === 'tensor' ? declared.shape : null
  if (!named || named.length !== inferred?.length) return inferred
  return inferred.map((dim, axis) => (typeof named[axis] === 'number' ? named[axis] : dim))
}
