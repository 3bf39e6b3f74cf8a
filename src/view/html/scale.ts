/** Units across a chart: about as many as a phone has points, so that letters stay readable there. */
export const CHART_WIDTH = 520

/** Leads values to pixels. */
export interface Scale {
  readonly domain: readonly [number, number]
  at(value: number): number
}

/** A linear scale from zero to a little above the largest value, onto [from, to] pixels. */
export function scaleOf(values: readonly number[], [from, to]: readonly [number, number]): Scale {
  const top = Math.max(...values, Number.MIN_VALUE) * 1.08
  return { domain: [0, top], at: (value) => Math.round((from + (value / top) * (to - from)) * 10) / 10 }
}

/** Four to seven round numbers in the domain. */
export function linearTicks([low, high]: readonly [number, number]): readonly number[] {
  const rough = (high - low) / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? 10 * power
  const ticks: number[] = []
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) ticks.push(tick)
  return ticks
}
