import { string, stringAttribute } from '../../ir/index.ts'
import { Refused } from './refused.ts'
import { type GradientRule, gradientOf } from './rule.ts'

/**
 * y = Einsum(a, b, …): the gradient by an operand is the Einsum of G and the other operands onto its letters. Refused
 * with an ellipsis, a letter twice in one operand, or a letter that stands in one operand and nowhere else.
 */
export const einsums = {
  Einsum: ((call) => {
    const { node, write } = call
    const equation = stringAttribute(node, 'equation', '').replaceAll(' ', '')
    if (equation.includes('.')) throw new Refused(`its equation "${equation}" has an ellipsis`)
    const [left = '', right] = equation.split('->')
    const operands = left.split(',')
    const result = right ?? implied(operands)
    const g = gradientOf(call)
    return node.inputs.map((_, i) => {
      if (!call.wants(i)) return undefined
      const own = operands[i]!
      const others = operands.filter((__, j) => j !== i)
      const rest = [result, ...others].join('')
      if (new Set(own).size !== own.length || [...own].some((letter) => !rest.includes(letter)))
        throw new Refused(`its equation "${equation}" sums a letter of one operand alone`)
      const inputs = [g, ...node.inputs.filter((__, j) => j !== i)]
      return write.op('Einsum', inputs, { equation: string(`${[result, ...others].join(',')}->${own}`) })
    })
  }) satisfies GradientRule,
}

/** Without an arrow, the letters that stand once, in alphabetical order. */
function implied(operands: readonly string[]): string {
  const all = [...operands.join('')]
  return all
    .filter((letter) => all.indexOf(letter) === all.lastIndexOf(letter))
    .sort()
    .join('')
}
