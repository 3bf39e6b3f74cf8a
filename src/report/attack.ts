import { type Infer, integer, list, number, object, oneOf, optional, pair, record, report, text } from './schema.ts'

const counted = object({ correct: integer, n: integer })

/** How one model stood: rows right before, rows right after everything, and after each attack alone. */
const stand = {
  clean: counted,
  robust: counted,
  byAttack: record(object({ correct: integer })),
  /** Whether the gradient is that of the model, goes through rounding as if it were the identity, or does not exist. */
  gradient: oneOf('exact', 'straight-through', 'none'),
  /** Reasons not to trust the numbers. */
  alarms: list(text),
}

/** How many rows a model still answers right when they are changed on purpose within a budget. */
export const attack = report('attack', {
  model: object({ path: text, digest: text }),
  ...stand,
  /** The result in one plain sentence. */
  sentence: text,
  attacks: list(text),
  norm: oneOf('linf', 'l2'),
  eps: number,
  range: pair(number),
  /** Where the range comes from. */
  rangeFrom: oneOf('option', 'data set', 'rows'),
  seed: integer,
  against: optional(object({ path: text, digest: text, ...stand })),
  /** Rows that only one of the two models stands; difference = model − base, `ci` two-sided 1−α. */
  paired: optional(
    object({ baseOnly: integer, candidateOnly: integer, difference: number, ci: pair(number), alpha: number }),
  ),
  /** Some rows that an attack turned, each by the smallest change that was found; only where they were asked for. */
  fooled: optional(
    list(
      object({
        row: integer,
        label: integer,
        answer: integer,
        attack: text,
        /** The largest change of a value, and the length of all changes together. */
        largest: number,
        length: number,
      }),
    ),
  ),
  warnings: list(text),
  data: object({ path: text, digest: text, rows: integer }),
})
export type AttackReport = Infer<typeof attack>
