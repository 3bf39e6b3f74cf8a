/**
 * Least-cost split of items into two sides: a flow network whose minimum cut is found with Dinic's algorithm
 * (Dinitz 1970). Items 0 … n−1; `source` and `sink` are the two sides themselves.
 */
export class CutNetwork {
  readonly source = 0
  readonly sink = 1
  readonly #heads: number[][] = [[], []]
  readonly #to: number[] = []
  readonly #capacity: number[] = []

  /** A new item; returns its number. */
  item(): number {
    return this.#heads.push([]) - 1
  }

  /** Costs `capacity` where `from` lies on the source's side and `to` on the sink's. */
  edge(from: number, to: number, capacity: number): void {
    if (capacity <= 0) return
    this.#heads[from]!.push(this.#to.length)
    this.#to.push(to)
    this.#capacity.push(capacity)
    this.#heads[to]!.push(this.#to.length)
    this.#to.push(from)
    this.#capacity.push(0)
  }

  /** The items on the source's side of a minimum cut (of several, the one with the fewest such items). */
  sourceSide(): ReadonlySet<number> {
    for (let levels = this.#levels(); levels[this.sink]! >= 0; levels = this.#levels()) this.#saturate(levels)
    return new Set(this.#levels().flatMap((level, item) => (level >= 0 ? [item] : [])))
  }

  #levels(): number[] {
    const levels = this.#heads.map(() => -1)
    levels[this.source] = 0
    const queue = [this.source]
    for (const item of queue) {
      for (const edge of this.#heads[item]!) {
        const next = this.#to[edge]!
        if (this.#capacity[edge]! > 1e-9 && levels[next]! < 0) {
          levels[next] = levels[item]! + 1
          queue.push(next)
        }
      }
    }
    return levels
  }

  /** Sends flow along shortest paths until none is left; an explicit stack, as chains are thousands of nodes long. */
  #saturate(levels: readonly number[]): void {
    const next = this.#heads.map(() => 0)
    const path: number[] = []
    let item = this.source
    for (;;) {
      if (item === this.sink) {
        const flow = Math.min(...path.map((edge) => this.#capacity[edge]!))
        for (const edge of path) {
          this.#capacity[edge]! -= flow
          this.#capacity[edge ^ 1]! += flow
        }
        const first = path.findIndex((edge) => this.#capacity[edge]! <= 1e-9)
        path.length = first
        item = path.length === 0 ? this.source : this.#to[path.at(-1)!]!
        continue
      }
      const edges = this.#heads[item]!
      const edge = edges[next[item]!]
      if (edge === undefined) {
        if (item === this.source) return
        const back = path.pop()!
        item = this.#to[back ^ 1]!
        next[item]!++
      } else if (this.#capacity[edge]! > 1e-9 && levels[this.#to[edge]!]! === levels[item]! + 1) {
        path.push(edge)
        item = this.#to[edge]!
      } else next[item]!++
    }
  }
}
