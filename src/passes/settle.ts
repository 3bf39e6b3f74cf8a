import type { Model } from '../ir/index.ts'
import { exactly, list, optional, type Refusal, text } from '../report/index.ts'
import type { Pass } from '../rewrite/index.ts'

/** Rounds settle after two or three; passes that undo each other must not hang the tool. */
const MAX_ROUNDS = 50

/** The pass that repeats others. */
export const SETTLE = 'settle'

interface SettleOptions {
  /** Ids of passes that are not repeated. */
  readonly without?: readonly string[]
}

/**
 * Repeats passes until none of them changes anything, so that simplifying a simplified model is a no-op. Its refusals
 * are those of the last round: what still stands in the finished model.
 */
export function settle(passes: readonly Pass[]): Pass<SettleOptions> {
  return {
    id: SETTLE,
    summary: 'Repeats the passes above until none of them finds anything more.',
    options: exactly<SettleOptions>({ without: optional(list(text)) }),
    async run(before, { without = [] }, evidence) {
      const repeated = passes.filter(({ id }) => !without.includes(id))
      let model = before
      let applied = 0
      /** What each pass last found nothing in, and the refusals there: a pure pass says the same of it again. */
      const idle = new Map<Pass, { readonly model: Model; readonly refused: readonly Refusal[] }>()
      for (let round = 0; round < MAX_ROUNDS; round++) {
        const start = applied
        const refused: Refusal[] = []
        for (const pass of repeated) {
          const known = idle.get(pass)
          if (known?.model === model) {
            refused.push(...known.refused)
            continue
          }
          const result = await pass.run(model, {}, evidence)
          if (result.model === model && result.report.applied === 0)
            idle.set(pass, { model, refused: result.report.refused })
          model = result.model
          applied += result.report.applied
          refused.push(...result.report.refused)
        }
        if (applied === start) return { model, report: { id: this.id, applied, refused } }
      }
      throw new Error('internal: the simplifying passes never settle')
    },
  }
}
