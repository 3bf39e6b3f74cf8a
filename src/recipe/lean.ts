/** A handful of runs does not pay for memory that is kept for later ones. */
export const LEAN = { arena: false } as const
