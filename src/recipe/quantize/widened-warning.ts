import { type Feeds, shapesOf } from '../../engine/index.ts'
import { inferTypes, type Model } from '../../ir/index.ts'
import { widenedProducts } from '../../passes/index.ts'
import { grouped, type Target } from '../../report/index.ts'

/** What may be noise of the formula, and not worth a word. */
const NOTICED = 1.1

/**
 * That products in codes take longer than in float, where their usual costs say so of what a row like this makes them
 * read, and what to do; nothing where they do not, or where that is not known. In WebAssembly they were timed instead.
 */
export function widenedWarning(quantized: Model, row: Feeds | undefined, target: Target = 'native'): readonly string[] {
  if (!row || target === 'web') return []
  const widened = widenedProducts(quantized, inferTypes(quantized, { inputShapes: shapesOf(row) }))
  if (!widened || widened.ratio < NOTICED) return []
  const { count, bits, rows, ratio } = widened
  const [least, most] = rows
  const read = `${least === most ? '' : `${grouped(least)} to `}${grouped(most)} ${most === 1 ? 'row' : 'rows'}`
  const products = count === 1 ? '1 product in codes takes' : `${grouped(count)} products in codes take`
  const each = count === 1 ? 'it reads' : 'each reads'
  const alone =
    bits === 4 && most > 1 ? ' (of 1 row, as where a text is written token by token, as long as in float)' : ''
  const beyondFew =
    bits === 8 && most > 1 ? ' (on processors without VNNI it is faster than float for few rows alone)' : ''
  return [
    `by their usual costs ${products} ${ratio.toFixed(1)} times as long as in float${alone}: ${each} ${read} of a sample here, and at accuracy level 0 all codes are widened in every run; for speed take --accuracy-level 4, which rounds what they read to 8 bits${beyondFew}, or --scheme dynamic-int8 or static-int8`,
  ]
}
