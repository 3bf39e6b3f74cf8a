import type { Model } from '../ir/index.ts'

/**
 * That inputs which may be left out, since the file holds a value for them, cannot be given any more. Files that list
 * every weight among the inputs, as the first versions of the format had to and exporters went on to do, mean nothing by
 * it: of them nothing is told.
 */
export function lostInputs(before: Model, after: Model): readonly string[] {
  const { inputs, initializers } = before.graph
  const optional = inputs.filter(({ name }) => initializers.has(name)).map(({ name }) => name)
  const listsAll = optional.length === initializers.size && (before.irVersion < IR_OF_OPTIONAL || optional.length > 1)
  const left = new Set(after.graph.inputs.map(({ name }) => name))
  const lost = optional.filter((name) => !left.has(name))
  if (listsAll || lost.length === 0) return []
  const few = lost.length <= 5 ? lost.join(', ') : `${lost.slice(0, 4).join(', ')} and ${lost.length - 4} more`
  return [
    `${few} could be given at each run and had a value where they were not; that value is a constant now, and they are no inputs any more. Where they are given, leave the value out of the file that is exported, so that they are inputs like the others`,
  ]
}

/** From this version of the format on weights need not be listed among the inputs. */
const IR_OF_OPTIONAL = 4
