import type { CostsReport } from '../../report/index.ts'
import type { EvidenceCache } from './evidence-cache.ts'

type Nodes = CostsReport['nodes']

/** What is kept of units that were measured in any model. */
interface UnitMemory {
  /** Costs of the units that are known, under the names that they have in this model. */
  readonly nodes: Nodes
  /** How many units no model has told anything of. */
  readonly unknown: number
  readonly borderNs: number | undefined
  /**
   * Keeps what was measured, and of which units, by name, no kernel is to be found; what is known already stays as it is.
   */
  keep(nodes: Nodes, borderNs: number | undefined, absent?: readonly string[]): Promise<void>
}

/** Costs by what decides them (see `unitSignatures`), on this machine, runtime and number of threads. */
export async function unitMemory(
  cache: EvidenceCache,
  place: { readonly cpu: string; readonly runtime: string; readonly threads: number },
  signatures: ReadonlyMap<string, string>,
): Promise<UnitMemory> {
  const report = (nodes: Nodes, borderNs?: number): CostsReport => ({
    kind: 'costs',
    version: 1,
    ...place,
    nodes,
    ...(borderNs === undefined ? {} : { borderNs }),
  })
  const keyOf = (of: string) => ({ measure: 'unit cost, pixels at once, of quick runs', ...place, of })
  // What crosses a border costs several times as much where layouts change there, so only the same units tell of it.
  const border = `border, kernels beside conversions, calls by layout, of ${[...new Set(signatures.values())].sort().join('; ')}`
  const find = async (of: string) => (await cache.find(keyOf(of))) as CostsReport | undefined
  const nodes: Nodes[number][] = []
  let unknown = 0
  for (const [name, signature] of signatures) {
    const known = await find(signature)
    if (!known) unknown++
    for (const node of known?.nodes ?? []) nodes.push({ ...node, name })
  }
  return {
    nodes,
    unknown,
    borderNs: (await find(border))?.borderNs,
    async keep(measured, borderNs, absent = []) {
      const costs = new Map<string, Nodes>(absent.map((name) => [name, []]))
      for (const node of measured) costs.set(node.name, [{ ...node, name: '' }])
      for (const [name, own] of costs) {
        const signature = signatures.get(name)
        if (signature) await cache.get(keyOf(signature), async () => report(own))
      }
      if (borderNs !== undefined) await cache.get(keyOf(border), async () => report([], borderNs))
    },
  }
}
