import type { Model } from '../../ir/index.ts'
import { productSafety, type StaticInt8Options } from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import type { Portability, Saturation } from '../../report/index.ts'

/** The proof, from its weights, that a model's integer products saturate on no processor; or where they may. */
export function provePortable(model: Model): Portability {
  const products = productSafety(model)
  const unsafe = products.filter((product) => product.unsafe.length > 0)
  const channels = (of: (product: (typeof products)[number]) => number) =>
    products.reduce((sum, product) => sum + of(product), 0)
  const [all, reduced] = [channels(({ channels }) => channels), channels((product) => product.reduced.length)]
  const sentence =
    products.length === 0
      ? 'portable: nothing is multiplied in 8-bit integers'
      : unsafe.length > 0
        ? `NOT portable: in ${unsafe.length} of ${products.length} products two neighbours may leave 16 bits on processors without VNNI, first in ${unsafe[0]!.node}`
        : `portable, proven from the weights: in none of ${products.length} products can two neighbours leave 16 bits (${all - reduced} of ${all} channels at full range, ${reduced} reduced)`
  return {
    proven: unsafe.length === 0,
    sentence,
    products: products.map((product) => ({
      ...product,
      reduced: [...product.reduced],
      unsafe: [...product.unsafe],
    })),
  }
}

/**
 * The proof for a model that is about to be handed out as portable.
 *
 * @throws UserError `unsupported` where there is none: codes that the file came with and that nothing can choose anew.
 */
export function portableOrRefused(model: Model): Portability {
  const portability = provePortable(model)
  if (portability.proven) return portability
  throw new UserError('unsupported', portability.sentence, {
    where: `node ${portability.products.find(({ unsafe }) => unsafe.length > 0)!.node}`,
    hint: 'quantize the float model that it was made from, or use --target native',
  })
}

/**
 * What that means for a model that was measured there; null where it multiplies no codes.
 *
 * @param steps The passes that made it.
 */
export function saturationOf(
  id: string,
  model: Model,
  steps: readonly { readonly options?: unknown }[],
  runtime: string,
): Saturation | null {
  const { proven, products } = provePortable(model)
  if (products.length === 0) return null
  const saturating = `${id}: integer sums saturate on this processor (${runtime})`
  if (proven) return { safe: true, sentence: `${saturating}; in none of its ${products.length} products can one` }
  const unsafe = products.filter((product) => product.unsafe.length > 0).length
  const some = `${unsafe} of its ${products.length} products`
  const held = steps.some(({ options }) => (options as StaticInt8Options | undefined)?.within16 === 'seen')
  return {
    safe: false,
    sentence: held
      ? `${saturating}; none does on what calibration saw, larger values may in ${some} (--target portable rules it out)`
      : `${saturating}; some may in ${some}: what was measured here holds with that, other processors may answer otherwise`,
  }
}
