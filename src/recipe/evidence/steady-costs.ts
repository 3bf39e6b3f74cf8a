import type { CostsReport } from '../../report/index.ts'

type Nodes = CostsReport['nodes']

/** How much more the second best of several looks may take than the best, where nothing disturbed either. */
const STEADY = 1.2
/** How much longer units may take, as a whole, than they are known to. */
const AS_KNOWN = 1.25

/** Whether the two best looks agree; one look alone says nothing. */
export function agree(looks: readonly number[]): boolean {
  const [best, next] = [...looks].sort((a, b) => a - b)
  return best !== undefined && next !== undefined && next <= STEADY * best
}

/**
 * The units whose costs are worth keeping for other models, with the least of each side: those whose turns agree, on
 * both sides. None at all where units that are `known` took clearly longer this time, because then the whole moment was
 * disturbed, and turns that agree only say that it was so throughout.
 */
export function steadyCosts(turns: readonly Nodes[], known: Nodes): Nodes {
  const [first = []] = turns
  const looks = new Map(first.map(({ name }) => [name, { float: [] as number[], integer: [] as number[] }]))
  for (const nodes of turns)
    for (const { name, floatMs, integerMs } of nodes) {
      looks.get(name)?.float.push(floatMs)
      looks.get(name)?.integer.push(integerMs)
    }
  const before = new Map(known.map(({ name, floatMs, integerMs }) => [name, floatMs + integerMs]))
  const ratios: number[] = []
  const steady: Nodes[number][] = []
  for (const [name, { float, integer }] of looks) {
    const node = { name, floatMs: Math.min(...float), integerMs: Math.min(...integer) }
    const once = before.get(name)
    if (once) ratios.push((node.floatMs + node.integerMs) / once)
    // A side that costs nothing, fused into a neighbour, is steady.
    if ([float, integer].every(agree)) steady.push(node)
  }
  ratios.sort((a, b) => a - b)
  const middle = ratios[Math.floor(ratios.length / 2)]
  return middle !== undefined && middle > AS_KNOWN ? [] : steady
}
