import type { PlaceKnowledge } from './column-knowledge.ts'
import type { SeededDraws } from './seeded-draws.ts'

type Value = number | string
type Corrupt = (
  values: readonly Value[],
  places: readonly PlaceKnowledge[],
  severity: number,
  draws: SeededDraws,
) => Value[]

/** Values that were not filled in: NaN where the data has some, else the column's mean (or its first category). */
function missing(values: readonly Value[], places: readonly PlaceKnowledge[], severity: number, draws: SeededDraws) {
  const share = [0.05, 0.1, 0.2, 0.3, 0.5][severity - 1]!
  return values.map((value, i) => {
    if (draws.uniform() >= share) return value
    const { hasMissing, categories, mean } = places[i]!
    if (hasMissing) return typeof value === 'string' ? '' : Number.NaN
    return categories?.[0] ?? (typeof value === 'string' ? '' : mean)
  })
}

/** Normal noise in units of the column's own deviation. */
function noise(values: readonly Value[], places: readonly PlaceKnowledge[], severity: number, draws: SeededDraws) {
  const factor = [0.05, 0.1, 0.2, 0.4, 0.8][severity - 1]!
  return values.map((value, i) =>
    typeof value === 'string' ? value : value + factor * places[i]!.deviation * draws.normal(),
  )
}

/** A unit mistaken: metres for millimetres, cents for euros. */
function unitSlips(values: readonly Value[], _: readonly PlaceKnowledge[], severity: number, draws: SeededDraws) {
  const share = [0.01, 0.02, 0.05, 0.1, 0.2][severity - 1]!
  const factors = [10, 100, 1000, 0.1, 0.01, 0.001]
  return values.map((value) =>
    draws.uniform() >= share || typeof value === 'string' ? value : value * factors[draws.below(factors.length)]!,
  )
}

/** Categories replaced by others of the same column. */
function categoryShift(
  values: readonly Value[],
  places: readonly PlaceKnowledge[],
  severity: number,
  draws: SeededDraws,
) {
  const share = [0.05, 0.1, 0.2, 0.3, 0.5][severity - 1]!
  return values.map((value, i) => {
    const { categories } = places[i]!
    if (!categories || draws.uniform() >= share) return value
    const others = categories.filter((category) => category !== value)
    return others.length > 0 ? others[draws.below(others.length)]! : value
  })
}

/** What happens to tables between a form and a model. */
export const tableCorruptions: Readonly<Record<string, { readonly group: string; readonly apply: Corrupt }>> = {
  missing: { group: 'entry', apply: missing },
  noise: { group: 'measurement', apply: noise },
  'unit-slips': { group: 'measurement', apply: unitSlips },
  'category-shift': { group: 'entry', apply: categoryShift },
}
