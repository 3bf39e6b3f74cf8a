/** The one place where outcomes become exit codes (product contract). */
export const EXIT = { done: 0, regressed: 1, user: 2, inconclusive: 3, bug: 70, interrupted: 130 } as const
