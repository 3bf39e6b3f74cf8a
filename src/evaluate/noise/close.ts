/** Decibels that every output must keep for the grade `close`. */
export const CLOSE_DB = 25
/** Share of equal answers that also gives it. */
export const CLOSE_AGREEMENT = 0.99

/**
 * Decibels of an output of answers (classes, alone or one for each place), of which a share changed: 25 where it is the
 * most that `close` allows, 6 more for each half of it. Answers lie as densely at one distance from the border to the next
 * as at another, so that the share that changes goes by the amplitude of what disturbs them: by the root of its power.
 *
 * @param changed In 0 to 1, more than 0.
 */
export const decibelsOfChanged = (changed: number): number =>
  CLOSE_DB + 20 * Math.log10((1 - CLOSE_AGREEMENT) / changed)

/** The share of changed answers that is so many decibels. */
export const changedAt = (decibels: number): number => (1 - CLOSE_AGREEMENT) * 10 ** ((CLOSE_DB - decibels) / 20)
