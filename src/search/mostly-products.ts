import { elementCount, type Model } from '../ir/index.ts'

const PRODUCTS: ReadonlySet<string> = new Set(['MatMul', 'Gemm', 'LSTM', 'GRU', 'Attention'])
const CONVOLUTIONS: ReadonlySet<string> = new Set(['Conv', 'ConvTranspose'])

/**
 * Whether most weights are those of products, which schemes without calibration make smaller and mostly faster, and not
 * those of convolutions, which these leave in float.
 */
export function mostlyProducts({ graph }: Model): boolean {
  const weightsOf = (operators: ReadonlySet<string>) =>
    graph.nodes
      .filter(({ opType }) => operators.has(opType))
      .flatMap(({ inputs }) => inputs.flatMap((name) => graph.initializers.get(name) ?? []))
      .reduce((sum, { dims }) => sum + elementCount(dims), 0)
  return weightsOf(PRODUCTS) > weightsOf(CONVOLUTIONS)
}
