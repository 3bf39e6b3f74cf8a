import type { Rows } from './dataset.ts'
import { RowHash } from './row-hash.ts'

/** Counts rows that hold under every name, bit for bit, what an earlier one holds; without names there are none. */
export function repeatedRows(names: readonly string[]): {
  add(rows: Rows): void
  result(): number
} {
  const seen = new Set<number>()
  let repeated = 0
  return {
    add({ indices, columns }) {
      for (let place = 0; place < indices.length && names.length > 0; place++) {
        const hash = new RowHash()
        for (const name of names) {
          const column = columns[name]
          if (column) hash.add(column, place, indices.length)
        }
        if (seen.has(hash.value)) repeated++
        else seen.add(hash.value)
      }
    },
    result: () => repeated,
  }
}
