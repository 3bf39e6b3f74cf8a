import { elementCount, type Model } from '../ir/index.ts'
import { CONVOLUTIONS, MATRIX_PRODUCTS } from '../recipe/index.ts'

/**
 * Whether most weights are those of products, which schemes without calibration make smaller and mostly faster, and not
 * those of convolutions, which these leave in float.
 */
export function mostlyProducts({ graph }: Model): boolean {
  const weightsOf = (operators: readonly string[]) =>
    graph.nodes
      .filter(({ opType }) => operators.includes(opType))
      .flatMap(({ inputs }) => inputs.flatMap((name) => graph.initializers.get(name) ?? []))
      .reduce((sum, { dims }) => sum + elementCount(dims), 0)
  return weightsOf(MATRIX_PRODUCTS) > weightsOf(CONVOLUTIONS)
}
