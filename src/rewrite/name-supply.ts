import { type Graph, graphNames } from '../ir/index.ts'

/** Names that nothing in a graph, or the graphs inside it, has. */
export class NameSupply {
  readonly #taken: Set<string>

  constructor(graph: Graph) {
    this.#taken = new Set(graphNames(graph))
  }

  /** `hint`, or `hint_1`, `hint_2`, …; taken from now on. */
  fresh(hint: string): string {
    let name = hint
    for (let i = 1; this.#taken.has(name); i++) name = `${hint}_${i}`
    this.#taken.add(name)
    return name
  }
}
