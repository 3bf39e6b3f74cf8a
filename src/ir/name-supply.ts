import { graphNames } from './graph-index.ts'
import type { Graph } from './model.ts'

/** Names that nothing in a graph, or the graphs inside it, has. What has which is read when the first is asked for. */
export class NameSupply {
  readonly #unread: Set<Graph>
  readonly #taken = new Set<string>()
  /** The next number to try, by hint: names are never given back, so that all before it are taken. */
  readonly #next = new Map<string, number>()

  constructor(graph: Graph) {
    this.#unread = new Set([graph])
  }

  /** Keeps all names of a graph that was made meanwhile from being given. */
  takeAllOf(graph: Graph): void {
    this.#unread.add(graph)
  }

  /** Keeps a name that somebody gave by themselves from being given again. */
  take(name: string): void {
    this.#taken.add(name)
  }

  /** `hint`, or `hint_1`, `hint_2`, …; taken from now on. */
  fresh(hint: string): string {
    for (const graph of this.#unread) for (const taken of graphNames(graph)) this.#taken.add(taken)
    this.#unread.clear()
    let name = hint
    for (let i = this.#next.get(hint) ?? 1; this.#taken.has(name); i++) {
      name = `${hint}_${i}`
      this.#next.set(hint, i + 1)
    }
    this.#taken.add(name)
    return name
  }
}
