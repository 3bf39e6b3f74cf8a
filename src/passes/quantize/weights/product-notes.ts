/** Of the options of the pass, what the notes tell of. */
interface ProductOptions {
  readonly bits: 4 | 8
  readonly accuracyLevel?: 0 | 4 | undefined
  readonly rounding?: string | undefined
}

const LEVELS = {
  0: 'accuracy level 0: products of the coded weights are computed in float',
  4: 'accuracy level 4: activations are rounded to 8 bits in every product, which adds noise of its own and has changed the top token where one activation is massive',
} as const

/** A product of 2048×2048 at one row: 12.9 ms, in float 1.03, with level 4 0.23; of 1536×128: 0.25, 0.01 and 0.016. */
const WIDENS =
  ', and in 8 bits the native runtime has no kernel for that: it widens all weights in every run, which takes longer than float; accuracy level 4 has a fast one'

/** A product whose rows are shorter than the group that was asked for, and the group that it has. */
export interface ShortRows {
  readonly node: string
  readonly block: number
}

/**
 * What the report says of the products beside the refusals: what they are computed in, and which have other codes than
 * was asked for.
 *
 * @param group Weights that share a scale, as asked for.
 * @param plain Names of products that were rounded to the nearest code for want of evidence.
 */
export function productNotes(
  { accuracyLevel, bits, rounding }: ProductOptions,
  group: number,
  plain: readonly string[],
  short: readonly ShortRows[],
): readonly string[] {
  const why = rounding === 'learned' ? 'their roundings were not learned' : 'their inputs were not observed'
  const named = short.map(({ node, block }) => `${node} (${block})`)
  return [
    `${LEVELS[accuracyLevel ?? 0]}${bits === 8 && !accuracyLevel ? WIDENS : ''}`,
    ...(plain.length === 0
      ? []
      : [`${plain.length} products were rounded to the nearest code, for ${why}: ${some(plain)}`]),
    ...(short.length === 0
      ? []
      : [`products whose rows are shorter than a group of ${group} have groups as long as these: ${some(named)}`]),
  ]
}

const some = (names: readonly string[]) => `${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`

/**
 * Which of the convolutions that were to be rounded by what they read were not, because those inputs were not looked
 * at.
 */
export const unreadNotes = (unread: readonly string[]): readonly string[] =>
  unread.length === 0
    ? []
    : [
        `${unread.length} convolutions have codes whose errors cancel in sums, for what they read was not observed: ${some(unread)}`,
      ]
