/** How long training may go on: so many times over the rows, or as many as fit into some seconds. */
export type Length = number | { readonly seconds: number; readonly most: number }

/** Times over the rows that fit: at least one, at most what was asked for. */
export function epochsWithin({ seconds, most }: Exclude<Length, number>, secondsAStep: number, steps: number): number {
  return Math.max(1, Math.min(most, Math.floor(seconds / Math.max(1e-6, secondsAStep * steps))))
}
