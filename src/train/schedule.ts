/** How the learning rate goes over the steps of a training. */
export interface Schedule {
  /** The highest learning rate. */
  readonly rate: number
  /** Share of the steps in which it rises from 0 in a line. */
  readonly warmUp: number
  readonly steps: number
}

/** The learning rate of a step, counted from 0: a line up, then half a cosine down to 0 (1608.03983). */
export function rateAt(step: number, { rate, warmUp, steps }: Schedule): number {
  const rising = Math.round(warmUp * steps)
  if (step < rising) return (rate * (step + 1)) / rising
  const share = Math.min(1, (step - rising) / Math.max(1, steps - rising))
  return (rate * (1 + Math.cos(Math.PI * share))) / 2
}
