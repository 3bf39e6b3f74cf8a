/**
 * Channels that live and die together. An atom is one place on one axis of one value or weight; atoms that a node ties
 * (both sides of an Add, what a convolution reads and its weights for it) are one class, and a class is kept or
 * removed whole. Union-find with path halving (Tarjan and van Leeuwen 1984).
 */
export interface Atoms {
  /** New atoms, one a place. */
  fresh(count: number): Int32Array
  tie(a: number, b: number): void
  /** The class of an atom: one of its members. */
  find(atom: number): number
  /** This class must stay: something depends on its place that nobody here understands. */
  freeze(atom: number): void
  isFrozen(atom: number): boolean
}

/** A set without atoms. */
export function atomSet(): Atoms {
  const parents: number[] = []
  const frozen = new Set<number>()
  const find = (atom: number): number => {
    let at = atom
    while (parents[at] !== at) {
      parents[at] = parents[parents[at]!]!
      at = parents[at]!
    }
    return at
  }
  return {
    fresh(count) {
      const from = parents.length
      for (let i = 0; i < count; i++) parents.push(from + i)
      return Int32Array.from({ length: count }, (_, i) => from + i)
    },
    tie(a, b) {
      const [first, second] = [find(a), find(b)]
      if (first === second) return
      parents[second] = first
      if (frozen.has(second)) frozen.add(first)
    },
    find,
    freeze: (atom) => void frozen.add(find(atom)),
    isFrozen: (atom) => frozen.has(find(atom)),
  }
}
