/*
 * w = {many zeros}    ⇔    shifted = BitShift <direction = "RIGHT"> (bits, {0, …, 7})
 *                          one = Reshape (Cast <to = int32> (BitwiseAnd (shifted, 1)), {-1})     1 where w is not zero
 *                          place = Mul (CumSum (one, 0), one)                                    which of those, else 0
 *                          w = Reshape (Gather ({0, all that are not zero}, place), dims)
 *
 * What is not zero and one bit a weight, in standard operators of constants: a runtime computes w once, when it loads
 * the model, and from then on runs what it ran before. (Where the bits do not fill their last byte, `one` is sliced.)
 * Exact to the bit, but that −0 comes back as 0.
 * Illegal: an operator set older than 18, which has no BitwiseAnd. Left alone: weights that are not float32, that are
 * an input or output of the graph, or that would be no smaller.
 * Source: the place of a number among those that are not zero is the count of ones up to it.
 */
import {
  elementCount,
  elementType,
  graphNames,
  makeNode,
  type Node,
  string,
  type Tensor,
  tensorOf,
  tensorValues,
} from '../../ir/index.ts'
import { type Pass, refusedWhole } from '../../rewrite/index.ts'

/** What the nodes, names and sizes of one tensor take in a file, about; below it, nothing is saved. */
const OVERHEAD_BYTES = 1000

export const storeSparseWeights: Pass = {
  id: 'storeSparseWeights',
  summary: 'Stores weights with many zeros as one bit each and what is not zero: a smaller file, the same work.',
  run(model) {
    const { id } = this
    const opset = model.opsets.get('') ?? 1
    if (opset < 18)
      return refusedWhole(model, id, `operator set ${opset} has no BitwiseAnd; upgrade the model to 18 or newer first`)
    const { graph } = model
    const fed = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name))
    const taken = new Set(graphNames(graph))
    const initializers = new Map(graph.initializers)
    const nodes: Node[] = []
    let applied = 0
    for (const [name, tensor] of graph.initializers) {
      if (tensor.dtype !== 'float32' || fed.has(name)) continue
      const form = sparseForm(name, tensor, taken)
      if (!form) continue
      applied++
      initializers.delete(name)
      for (const constant of form.constants) initializers.set(constant.name, constant)
      nodes.push(...form.nodes)
    }
    const stored = { ...model, graph: { ...graph, initializers, nodes: [...nodes, ...graph.nodes] } }
    return { model: applied === 0 ? model : stored, report: { id, applied, refused: [] } }
  },
}

/** The nodes that compute a tensor from bits; null where that would be no smaller. */
function sparseForm(
  name: string,
  { dims, ...tensor }: Tensor,
  taken: Set<string>,
): { readonly constants: readonly Tensor[]; readonly nodes: readonly Node[] } | null {
  const values = tensorValues({ dims, ...tensor }) as Float32Array
  const count = elementCount(dims)
  const full = values.filter((value) => value !== 0)
  if (count / 8 + 4 * full.length + OVERHEAD_BYTES >= 4 * count) return null
  const bits = new Uint8Array(Math.ceil(count / 8))
  for (let i = 0; i < count; i++) if (values[i] !== 0) bits[i >> 3]! |= 1 << (i & 7)
  const fresh = (what: string) => {
    let own = `${name}/${what}`
    while (taken.has(own)) own += '_'
    taken.add(own)
    return own
  }
  const constants: Tensor[] = []
  const constant = (what: string, tensor: Tensor) => {
    const own = fresh(what)
    constants.push({ ...tensor, name: own })
    return own
  }
  const nodes: Node[] = []
  const write = (opType: string, inputs: readonly string[], attributes = {}, output = fresh(opType)) => {
    nodes.push(makeNode(opType, inputs, [output], { name: output, attributes }))
    return output
  }
  const wholes = (what: string, ...numbers: readonly number[]) =>
    constant(what, tensorOf('int64', [numbers.length], BigInt64Array.from(numbers, BigInt)))
  const bytes = (what: string, ...numbers: readonly number[]) =>
    constant(what, tensorOf('uint8', [numbers.length], Uint8Array.from(numbers)))
  const axis = constant('axis', tensorOf('int64', [], BigInt64Array.of(0n)))
  const shifted = write(
    'BitShift',
    [constant('bits', tensorOf('uint8', [bits.length, 1], bits)), bytes('shifts', 0, 1, 2, 3, 4, 5, 6, 7)],
    { direction: string('RIGHT') },
  )
  const cast = write('Cast', [write('BitwiseAnd', [shifted, bytes('mask', 1)])], { to: elementType('int32') })
  const padded = write('Reshape', [cast, wholes('flat', -1)])
  const one = count % 8 === 0 ? padded : write('Slice', [padded, wholes('start', 0), wholes('count', count)])
  const place = write('Mul', [write('CumSum', [one, axis]), one])
  const kept = new Float32Array(full.length + 1)
  kept.set(full, 1)
  const gathered = write('Gather', [constant('values', tensorOf('float32', [kept.length], kept)), place])
  write('Reshape', [gathered, wholes('dims', ...dims)], {}, name)
  return { constants, nodes }
}
