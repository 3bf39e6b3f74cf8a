import { type Node, nodeLabel } from '../model.ts'
import { elementCount, type SparseTensor, type Tensor, tensorByteLength } from '../tensor.ts'
import type { Report } from './problem.ts'

/** Checks that a constant's data fits its dimensions; the bytes themselves are not read. */
export function checkTensor(where: string, tensor: Tensor, report: Report): void {
  const misfit = misfitOf(tensor)
  if (misfit !== undefined) report(where, misfit)
}

function misfitOf({ dtype, dims, data }: Tensor): string | undefined {
  const shape = `${dtype}[${dims.join(',')}]`
  if (dtype === 'undefined') return 'is a constant without an element type'
  if (dims.some((dim) => !Number.isSafeInteger(dim) || dim < 0)) return `is a constant of type ${shape}`
  if ((dtype === 'string') !== (data.form === 'strings')) return `is a constant of type ${shape} with ${data.form} data`
  const strings = data.form === 'strings'
  const expected = strings ? elementCount(dims) : tensorByteLength(dtype, dims)
  const given = strings ? data.values.length : data.bytes.byteLength
  return given === expected ? undefined : `${shape} needs ${expected} ${strings ? 'strings' : 'bytes'} and has ${given}`
}

/** Checks values and places of a sparse constant. */
export function checkSparse(where: string, { values, indices }: SparseTensor, report: Report): void {
  checkTensor(where, values, report)
  checkTensor(where, indices, report)
}

/** Checks the constants among a node's attributes. */
export function checkAttributeTensors(node: Node, report: Report): void {
  for (const [name, attribute] of node.attributes) {
    const where = `${nodeLabel(node)} ${name}`
    if (attribute.type === 'tensor') checkTensor(where, attribute.value, report)
    else if (attribute.type === 'tensors') for (const tensor of attribute.value) checkTensor(where, tensor, report)
    else if (attribute.type === 'sparseTensor') checkSparse(where, attribute.value, report)
    else if (attribute.type === 'sparseTensors')
      for (const sparse of attribute.value) checkSparse(where, sparse, report)
  }
}
