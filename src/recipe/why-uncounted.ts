import { operatorName, type Shape, type Uncounted } from '../ir/index.ts'
import { NO_TENSORS } from '../report/index.ts'

interface Port {
  readonly name: string
  /** An element type, or the kind of a value that is no tensor. */
  readonly dtype: string
  readonly shape: Shape | null
}

const isOpen = ({ dtype, shape }: Port) =>
  shape ? shape.some((size) => typeof size !== 'number') : !NO_TENSORS.includes(dtype)

/** Why a model's multiply-accumulates cannot be told; where sizes of its inputs would help, how to give them. */
export function whyUncounted({ node, unknown }: Uncounted, inputs: readonly Port[]): string {
  const which = `${operatorName(node)}${node.name ? ` "${node.name}"` : ''}`
  if (unknown === 'runs') return `how often ${which} runs what is in it is known only when it does`
  if (unknown === 'operator') return `what ${which} computes is not known here`
  const open = inputs.filter(isOpen)
  if (open.length > 0) return `shapes are open (give ${open.map(closed).join(' ')})`
  return `the sizes of what ${which} reads are known only when the model runs`
}

/** A text of a usual length, since the arithmetic of a single token says little of a model. */
const USUAL_TOKENS = 128

/** A shape that could be given: one row, a text of a usual length, and 1 for whatever else is open. */
const closed = ({ name, shape }: Port) => {
  if (!shape) return `--shape ${name}=N,N,…`
  const sizes = shape.map((size, axis) => {
    if (typeof size === 'number') return size
    return axis > 0 && typeof size === 'string' && /^seq(uence)?(_?len(gth)?)?$/i.test(size) ? USUAL_TOKENS : 1
  })
  return `--shape ${name}=${sizes.join()}`
}
