import type { RobustnessReport, RowScores } from '../../report/index.ts'
import { mean } from '../../statistics/index.ts'
import { type ChangeOptions, changeOf, SAME_ANSWER, scoresOf } from './paired-values.ts'

type Brittleness = NonNullable<RobustnessReport['brittleness']>

/** How many answers change under each tiny change of the inputs; null where some model gives no answers. */
export async function brittleness(
  names: readonly string[],
  clean: RowScores,
  source: (name: string) => Promise<RowScores>,
  options: ChangeOptions,
): Promise<Brittleness | null> {
  if (!clean.models.every(({ answers }) => answers)) return null
  const rows: Brittleness[number][] = []
  for (const name of names) {
    const scores = scoresOf(await source(name), clean, SAME_ANSWER)
    rows.push({
      name,
      changed: scores.map((model) => 1 - mean(model.scores)),
      changes: scores.map((model, m) => (m === 0 ? null : changeOf(scores[0]!, model, SAME_ANSWER, options))),
    })
  }
  return rows
}
