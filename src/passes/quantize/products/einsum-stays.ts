import type { Rule } from '../../../rewrite/index.ts'

/** Why an Einsum stays in float. */
export const EINSUM_REASON = 'the runtime has no integer kernel for Einsum; written as MatMul it would have one'

/** An Einsum with weights is told of, not passed over: the runtime has no integer form of it, whatever it computes. */
export const EINSUM_STAYS: Rule = {
  roots: ['Einsum'],
  apply: (node, { editor }) =>
    node.inputs.some((name) => editor.constant(name)?.dtype === 'float32') && {
      refused: EINSUM_REASON,
    },
}
