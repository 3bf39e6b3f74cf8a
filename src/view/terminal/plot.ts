interface Series {
  readonly mark: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

const HEIGHT = 10

/** A plot in characters: both axes from zero, the x axis logarithmic where it spans more than a factor of 20. */
export function plot(series: readonly Series[], width: number): string {
  const all = series.flatMap(({ points }) => points)
  if (all.length === 0) return ''
  const xs = all.map(([x]) => x)
  const top = Math.max(...all.map(([, y]) => y))
  const low = Math.min(...xs)
  const high = Math.max(...xs)
  const wide = high > 20 * low && low > 0
  const label = String(Math.round(top)).length + 1
  const columns = Math.max(20, width - label - 4)
  const place = (x: number) => {
    const share = wide ? Math.log(x / low) / Math.log(high / low) : x / high
    return Math.min(columns - 1, Math.round(share * (columns - 1)))
  }
  const grid = Array.from({ length: HEIGHT + 1 }, () => new Array<string>(columns).fill(' '))
  for (const { mark, points } of series)
    for (const [x, y] of points) (grid[HEIGHT - Math.round((y / top) * HEIGHT)] as string[])[place(x)] = mark
  const lines = grid.map((cells, row) => {
    const tick = row % 5 === 0 ? String(Math.round((top * (HEIGHT - row)) / HEIGHT)) : ''
    return `${tick.padStart(label)} |${cells.join('').trimEnd()}`
  })
  const from = (wide ? low : 0).toPrecision(2)
  const to = high.toPrecision(3)
  const axis = `${' '.repeat(label)} +${'-'.repeat(columns)}`
  return [...lines, axis, `${' '.repeat(label + 2)}${from}${to.padStart(columns - from.length)}`].join('\n')
}
