import { activations } from './activations.ts'
import { arithmetic } from './arithmetic.ts'
import { convolutions } from './convolutions.ts'
import { einsums } from './einsum.ts'
import { gathers } from './gather.ts'
import { movements } from './movements.ts'
import { normalizations } from './normalizations.ts'
import type { DifferentiableOperator } from './operators.ts'
import { pools } from './pools.ts'
import { products } from './products.ts'
import { quantizations } from './quantizations.ts'
import { recurrent } from './recurrent-cells.ts'
import { reductions } from './reductions.ts'
import { resizes } from './resizes.ts'
import type { GradientRule } from './rule.ts'
import { scans } from './scan.ts'
import { scatters } from './scatter.ts'
import { softmaxes } from './softmax.ts'

/** How the gradient goes back through each operator, by `operatorName`; every operator that is claimed has its rule. */
export const gradientRules: Readonly<Record<DifferentiableOperator, GradientRule>> = {
  ...activations,
  ...arithmetic,
  ...convolutions,
  ...einsums,
  ...gathers,
  ...movements,
  ...normalizations,
  ...pools,
  ...products,
  ...quantizations,
  ...recurrent,
  ...reductions,
  ...resizes,
  ...scans,
  ...scatters,
  ...softmaxes,
}

export const gradientRuleOf = (operator: string): GradientRule | undefined =>
  Object.hasOwn(gradientRules, operator) ? gradientRules[operator as DifferentiableOperator] : undefined
